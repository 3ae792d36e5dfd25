"""`avalon-v0`: The Resistance: Avalon, five to ten players, hidden roles (social deduction)."""
