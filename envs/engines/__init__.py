"""Engines: where episodes are played when not in this process."""
