"""Updates at the real RAUC: bundles signed here, written into slots that are files."""
