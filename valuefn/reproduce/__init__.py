"""Papers' tables, drawn again on the worlds at hand; see `catalogue`."""
