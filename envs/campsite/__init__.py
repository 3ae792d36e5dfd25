"""`campsite-v0`: two neighbours divide camping supplies by talking (CaSiNo's game)."""
