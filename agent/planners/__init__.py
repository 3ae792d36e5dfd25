"""Policies that turn a state into a decision, one file each."""
