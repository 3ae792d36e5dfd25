"""Models by name; each back end is optional."""
