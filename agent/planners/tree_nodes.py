"""The tree of `tree`: numbers in lists, one slot a node, nothing copied.

Selection, growth and back-up, and the record of it all. The children of a node are added together
and lie side by side. Knows nothing of models, critics or prompts.
"""

from collections.abc import Sequence
from heapq import nlargest
from math import log, sqrt

from forethought.agent.types import Candidate, SearchNode

ROOT = 0


class Nodes:
    """A growing tree of candidates; node 0 is the state itself.

    Args:
        deepest: Thoughts on the longest plan; nodes there are ended.
    """

    def __init__(self, deepest: int) -> None:
        self.ended = [False]
        """By node: whether it takes no children."""
        self.values = [0.0]
        """By node: its own evaluation, in units of the score."""
        self._deepest = deepest
        self._candidates = [Candidate("")]
        self._parents = [-1]
        self._depths = [0]
        self._visits = [0]
        self._means = [0.0]
        self._spreads = [0.0]
        """By node: one over the square root of its visits, kept for `select`."""
        self._first = [0]
        self._last = [0]

    def __len__(self) -> int:
        return len(self._parents)

    def select(self, exploration: float) -> int:
        """The leaf to go on from: at each node the child of the highest upper bound (UCT).

        Args:
            exploration: Weight of the bonus for children seldom visited, in units of the score.
        """
        first, means, spreads = self._first, self._means, self._spreads
        node = ROOT
        while first[node]:
            bonus = exploration * sqrt(log(self._visits[node]))
            highest = -float("inf")
            for child in range(first[node], self._last[node]):
                bound = means[child] + bonus * spreads[child]
                if bound > highest:
                    highest, best = bound, child
            node = best
        return node

    def grow(self, node: int, candidates: Sequence[Candidate], values: Sequence[float]) -> None:
        """Give a leaf its children; each counts as visited once, with its own value.

        Args:
            node: A leaf that is not ended.
            candidates: At least one.
            values: Their evaluations, in units of the score.
        """
        count, depth = len(candidates), self._depths[node] + 1
        self._first[node] = len(self._parents)
        self._candidates += candidates
        self._parents += [node] * count
        self._depths += [depth] * count
        self._visits += [1] * count
        self._means += values
        self._spreads += [1.0] * count
        self.values += values
        self.ended += [depth >= self._deepest] * count
        self._first += [0] * count
        self._last += [0] * count
        self._last[node] = len(self._parents)

    def back_up(self, node: int, value: float) -> None:
        """Count one more visit of a node and of all above it."""
        while node >= 0:
            self._visits[node] += 1
            count = self._visits[node]
            self._means[node] += (value - self._means[node]) / count
            self._spreads[node] = 1 / sqrt(count)
            node = self._parents[node]

    def plan(self, node: int) -> list[str]:
        """The thoughts from the root to a node, first to last."""
        thoughts = []
        while node > ROOT:
            thoughts.append(self._candidates[node].thought)
            node = self._parents[node]
        return thoughts[::-1]

    def best(self) -> Candidate | None:
        """The root's child most visited, of those the one of the best mean; `None` without any."""
        children = range(self._first[ROOT], self._last[ROOT])
        if not children:
            return None
        return self._candidates[max(children, key=lambda n: (self._visits[n], self._means[n]))]

    def record(self, longest: int) -> tuple[SearchNode, ...]:
        """The nodes most visited, each after its parent, the root first.

        Args:
            longest: Most nodes to keep.
        """
        # a parent has more visits than its children and comes before them, so that it is kept too
        kept: Sequence[int] = range(len(self))
        if len(kept) > longest:
            kept = sorted(nlargest(longest, kept, key=lambda n: (self._visits[n], -n)))
        place = {node: index for index, node in enumerate(kept)} | {-1: -1}
        return tuple(
            SearchNode(
                place[self._parents[node]],
                self._candidates[node].thought,
                self._visits[node],
                self._means[node],
            )
            for node in kept
        )
