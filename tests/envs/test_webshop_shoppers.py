import os
from pathlib import Path

import pytest

from forethought.envs.options import PLACE
from forethought.envs.plans import plan
from forethought.envs.webshop.products import FOLDER
from forethought.envs.webshop.world import WORLD
from forethought.valuefn.data import group_names
from forethought.valuefn.improve import collect

pytest.importorskip("bm25s")
DATA = Path(os.environ.get(PLACE, "nowhere")) / FOLDER
real = pytest.mark.skipif(not DATA.is_dir(), reason=f"{PLACE} names no folder with {FOLDER}")


@real
def test_collectors_play_to_the_end_and_differ() -> None:
    planned = plan(WORLD, split="train", episodes=4 * len(WORLD.collectors), seed=0)
    traces = collect(WORLD, planned)
    assert all(trace.outcome is not None and trace.outcome.finished for trace in traces)
    ways = {tuple(step.decision.candidate.thought[:9] for step in t.steps) for t in traces}
    assert len(ways) > 15
    assert len(set(group_names(traces))) < len({t.episode.instance for t in traces})
