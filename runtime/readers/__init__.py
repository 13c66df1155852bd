"""Reading data sets: one file for each kind, listed in `registry`."""
