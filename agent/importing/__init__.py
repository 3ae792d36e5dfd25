"""Episodes from data that people already have: rows of files, a mapping, traces."""
