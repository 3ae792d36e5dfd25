"""Forethought: language-model agents that think ahead."""
