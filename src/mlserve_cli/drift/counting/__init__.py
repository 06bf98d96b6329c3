"""One pass over a column: its values counted in memory that does not grow with the rows."""
