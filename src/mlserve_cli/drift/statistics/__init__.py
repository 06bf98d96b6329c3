"""Two-sample tests, distances and corrections: functions of numbers and counts."""
