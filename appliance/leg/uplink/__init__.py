"""From the microphone to the line: what is sent, and when."""
