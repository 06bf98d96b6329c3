"""From counts of both sides to checks, words and a verdict."""
