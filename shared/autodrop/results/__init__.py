"""From batch transform output to metrics, tables and a report."""
