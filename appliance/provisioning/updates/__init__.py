"""New software for the box, put into its other slot by RAUC."""
