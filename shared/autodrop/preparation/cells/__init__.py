"""What a cell is: its kind, its number, how it is written."""
