"""Model files read without running what is in them, and loaded only if every type is known.

`audit_file` tells what a file would load; `load_pickled` and `load_skops` audit and then load.
"""
