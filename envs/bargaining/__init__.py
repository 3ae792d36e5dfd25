"""`bargaining-v0`: two players divide items they value differently (Deal-or-No-Deal rules)."""
