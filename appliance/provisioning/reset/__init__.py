"""Factory reset: everything that was made on the box goes."""
