"""Do whole rows differ? Tests that see changes of how columns go together.

All take rows of finite or missing (NaN) numbers, shape `(rows, columns)`, the columns of both
samples in the same order.
"""
