"""Janus: listening as an unseen VideoRoom subscriber, speaking over the AudioBridge."""
