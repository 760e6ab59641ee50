"""What is in the rows: kinds of cells, counts, ranges, and how columns go with the target."""
