"""The random proposer under a short name: `function:random_proposer:answer`."""

from forethought.valuefn.reproduce.proposer import answer

__all__ = ["answer"]
