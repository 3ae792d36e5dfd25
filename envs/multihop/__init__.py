"""`multihop-qa-v0` and `multihop-find-v0`: questions whose answer lies in several passages."""
