"""The sandbox contact centre and its driver: the embedded default platform."""
