"""The demo: box, sandbox contact centre and virtual sound card on one machine, one command."""
