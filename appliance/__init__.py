"""Bargebox: the firmware of a supervisor's desk box (see README.md for the floors)."""
