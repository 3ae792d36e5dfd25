"""`reproduce`: papers' tables drawn again, one module for each, printed and kept."""
