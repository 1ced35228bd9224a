"""What is wrong with the box, what to do about it, and what the box can mend by itself."""
