"""From the line to sound: the jitter buffer, and what it is made of."""
