"""Buttons and lamps of the box, over gpiozero, from a board profile."""
