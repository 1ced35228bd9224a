"""How the call sounds, in figures."""
