"""From the bytes of a dropped file to blocks of rows."""
