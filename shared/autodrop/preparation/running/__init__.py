"""Who runs the work on the blocks of a file."""
