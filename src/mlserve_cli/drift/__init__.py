"""Has the data changed? Two-sample tests, effect sizes, and a rule that decides."""
