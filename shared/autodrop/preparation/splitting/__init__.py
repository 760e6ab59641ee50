"""Which rows are held out, and how rows are written."""
