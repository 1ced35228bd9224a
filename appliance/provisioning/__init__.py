"""What makes a board into a box of this site, and keeps it one."""
