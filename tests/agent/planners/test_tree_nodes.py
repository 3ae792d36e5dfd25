import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forethought.agent.planners.tree_nodes import ROOT, Nodes
from forethought.agent.types import Candidate

NAMES = ("worse", "better")


def grown(seed: int, iterations: int, width: int = 3, depth: int = 50) -> Nodes:
    rng = random.Random(seed)
    nodes = Nodes(depth)
    for _ in range(iterations):
        leaf = nodes.select(1.0)
        value = nodes.values[leaf]
        if not nodes.ended[leaf]:
            values = [rng.random() for _ in range(rng.randint(1, width))]
            names = [Candidate(f"{leaf}.{n}") for n in range(len(values))]
            nodes.grow(leaf, names, values)
            value = max(values)
        nodes.back_up(leaf, value)
    return nodes


def test_a_childless_root_is_selected_and_has_no_best() -> None:
    nodes = Nodes(3)
    assert (nodes.select(1.0), nodes.best(), len(nodes)) == (ROOT, None, 1)


def test_selection_is_the_upper_confidence_bound() -> None:
    nodes = Nodes(3)
    nodes.grow(ROOT, [Candidate("a"), Candidate("b"), Candidate("c")], [0.5, 0.4, 0.1])
    nodes.back_up(ROOT, 0.5)
    assert nodes.select(1.0) == 1  # one visit of the root: no bonus yet
    for _ in range(3):
        nodes.back_up(1, 0.5)
    # a: 0.5 + 1.0 * sqrt(ln 4 / 4) = 1.089; b: 0.4 + sqrt(ln 4 / 1) = 1.577; c: 1.277
    assert nodes.select(1.0) == 2
    # a: 0.5 + 0.1 * 0.589 = 0.559; b: 0.4 + 0.1 * 1.177 = 0.518
    assert nodes.select(0.1) == 1
    best = nodes.best()
    assert best
    assert best.thought == "a"


def test_means_are_of_the_own_value_and_what_came_up() -> None:
    nodes = Nodes(3)
    nodes.grow(ROOT, [Candidate("a"), Candidate("b")], [0.2, 0.8])
    nodes.back_up(ROOT, 0.8)
    nodes.grow(2, [Candidate("c"), Candidate("d")], [0.1, 0.5])
    nodes.back_up(2, 0.5)
    record = nodes.record(10)
    assert [(n.parent, n.thought, n.visits) for n in record] == [
        (-1, "", 2),
        (0, "a", 1),
        (0, "b", 2),
        (2, "c", 1),
        (2, "d", 1),
    ]
    assert [n.value for n in record] == pytest.approx([0.65, 0.2, 0.65, 0.1, 0.5])
    assert nodes.plan(4) == ["b", "d"]
    assert nodes.plan(ROOT) == []


def test_equal_visits_go_to_the_better_mean() -> None:
    nodes = Nodes(3)
    nodes.grow(ROOT, [Candidate("a"), Candidate("b"), Candidate("c")], [0.2, 0.8, 0.8])
    best = nodes.best()
    assert best
    assert best.thought == "b"


def test_nodes_at_the_depth_are_ended() -> None:
    nodes = Nodes(2)
    nodes.grow(ROOT, [Candidate("a")], [0.5])
    assert nodes.ended == [False, False]
    nodes.grow(1, [Candidate("b")], [0.5])
    assert nodes.ended == [False, False, True]


@given(st.integers(0, 999), st.integers(1, 60), st.integers(1, 40))
def test_the_record_is_a_tree_whatever_is_cut(seed: int, iterations: int, longest: int) -> None:
    nodes = grown(seed, iterations)
    whole, record = nodes.record(10_000), nodes.record(longest)
    assert len(whole) == len(nodes)
    assert len(record) == min(longest, len(nodes))
    assert record[0].visits == iterations
    for place, node in enumerate(record):
        assert -1 <= node.parent < max(place, 1)
        if place:
            assert node.visits < record[node.parent].visits or node.parent == 0
            assert 0 <= node.value <= 1
    assert min(n.visits for n in record) >= sorted(n.visits for n in whole)[-len(record)]
    # a node's visits are its own, and one for each expansion at it or below
    children = [sum(1 for n in whole if n.parent == p) for p in range(len(whole))]
    for place, node in enumerate(whole[1:], start=1):
        below = sum(n.visits - 1 for n in whole if n.parent == place)
        assert node.visits == 1 + below + (children[place] > 0)


def test_the_better_branch_gets_the_visits() -> None:
    nodes = Nodes(20)
    rng = random.Random(0)
    nodes.grow(ROOT, list(map(Candidate, NAMES)), [0.5, 0.5])
    nodes.back_up(ROOT, 0.5)
    for _ in range(200):
        leaf = nodes.select(1.0)
        branch = (nodes.plan(leaf) or [""])[0]
        value = rng.gauss(0.7 if branch == "better" else 0.3, 0.1)
        nodes.grow(leaf, [Candidate("x")], [value])
        nodes.back_up(leaf, value)
        nodes.ended[len(nodes) - 1] = False
    best = nodes.best()
    assert best
    assert best.thought == "better"
    worse, better = (next(n for n in nodes.record(999) if n.thought == t) for t in NAMES)
    assert better.visits > 2 * worse.visits
    assert better.value == pytest.approx(0.7, abs=0.1)
