"""What becomes of a dropped file."""
