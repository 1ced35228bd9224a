"""From sound to the ear: volume, levelling, places, and the limiter."""
