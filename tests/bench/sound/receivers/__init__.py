"""The receivers that the sound bench listens to, each in a process of its own."""
