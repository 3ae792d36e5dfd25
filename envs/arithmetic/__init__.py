"""`arithmetic-v0`: work out an expression, with a Python tool for the sums."""
