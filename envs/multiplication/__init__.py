"""`multiplication-v0`: two numbers to multiply; the answer can be kept or tried again."""
