"""Worlds an agent can act in, rollouts and the bench."""
