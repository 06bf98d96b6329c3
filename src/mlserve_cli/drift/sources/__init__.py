"""Data to be compared, read block by block, as often as needed."""
