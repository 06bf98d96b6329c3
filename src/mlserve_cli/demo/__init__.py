"""The tutorial that mlserve runs by itself, and its data."""
