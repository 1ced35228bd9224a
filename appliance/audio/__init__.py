"""The headset on ALSA: discovery, hot-plug, playback, capture, levels."""
