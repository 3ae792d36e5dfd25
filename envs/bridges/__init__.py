"""Bridges to worlds that others built; each needs its own optional package."""
