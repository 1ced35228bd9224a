"""The box's name and its clock, which systemd's services keep."""
