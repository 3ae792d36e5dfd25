import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from forethought.agent.attempts import Rate
from forethought.valuefn.reproduce.icrl import (
    Report,
    plain,
    rates_differ,
    report_of,
)
from forethought.valuefn.reproduce.icrl_picture import picture
from forethought.valuefn.reproduce.icrl_plan import (
    ARMS,
    BASES,
    FULL,
    QUICK,
    Job,
    Size,
    jobs_of,
    recipe_of,
)
from forethought.valuefn.rl.stages import Course

SIZE = replace(FULL, seeds=6, updates=40, shown=12, every=4)


def record(
    base: str, arm: str, seed: int, chances: Sequence[float], size: Size = SIZE
) -> dict[str, Any]:
    points = [
        {
            "update": at * size.every,
            "call": min(1.0, 2 * chance),
            "right": chance,
            "solved": round(50 * chance),
            "played": 50,
        }
        for at, chance in enumerate(chances)
    ]
    rollouts = [0.5 if at % 2 else 0.0 for at in range(size.updates)]
    told = {"base": base, "arm": arm, "seed": seed, "points": points, "rollouts": rollouts}
    return {"key": Job(base, arm, seed).key, **told, "seconds": 1.0}


def rising(late: float, last: float) -> list[float]:
    """Chances at 0, 4 ... 40: `late` at update 12, `last` at the end."""
    return [1e-4, 1e-4, 1e-4, late, *[late] * 5, last, last]


def report(runs: Sequence[Mapping[str, Any]]) -> Report:
    return report_of(runs, [], SIZE, 0)


@pytest.fixture(scope="module")
def found() -> Report:
    """On one kind of base the curricula gain; on the other they do what none does."""
    runs = []
    for seed in range(6):
        for arm in ARMS:
            none = arm == "none"
            late = (1 if none else 10) * 1e-4 * (1 + 0.1 * seed)
            names = rising(late, 1e-4 if none else 0.9)
            runs.append(record("lookup-names", arm, seed, names))
            runs.append(record("lookup-gate", arm, seed, rising(1e-4, 0.9)))
    return report(runs)


@pytest.mark.parametrize("size", [FULL, QUICK])
@pytest.mark.parametrize("base", BASES)
def test_schedules_are_what_they_say(size: Size, base: str) -> None:
    for arm, shown in ARMS.items():
        recipe = recipe_of(base, arm, size)
        assert (recipe.steps, recipe.prompts, recipe.group) == (
            size.updates,
            size.prompts,
            size.group,
        )
        assert recipe.optimiser.learning_rate == BASES[base]
        course, seen = Course(recipe), []
        for _ in range(size.updates):
            seen.append(course.stage.demonstrations)
            course.advance(1.0)  # success moves no stage
        each = size.shown // len(shown) if shown else 0
        assert seen == [n for n in shown for _ in range(each)] + [0] * (
            size.updates - (size.shown if shown else 0)
        )
        assert arm == "none" or arm == " -> ".join(map(str, (*shown, 0)))


def test_jobs_come_seed_by_seed() -> None:
    jobs = jobs_of(FULL, seed=3)
    assert len({job.key for job in jobs}) == len(jobs) == 8 * len(BASES) * len(ARMS)
    seeds = [job.seed for job in jobs]
    assert seeds == sorted(seeds)
    assert set(seeds) == set(range(3, 11))
    assert jobs[0].key == "lookup-gate, none, seed 3"


def test_arms_tell_chances_and_take_offs(found: Report) -> None:
    rows = {(row.base, row.arm): row for row in found.arms}
    none, taught = rows["lookup-names", "none"], rows["lookup-names", "3 -> 2 -> 0"]
    assert (none.took_off.hits, none.took_off.n, none.first) == (0, 6, None)
    assert taught.took_off.hits == 6
    assert taught.first == 36
    assert taught.right[0] / none.right[0] == pytest.approx(10)
    assert taught.right[1] == pytest.approx(0.9)
    assert taught.solved is not None
    assert taught.solved.value == pytest.approx(0.9)


def test_claims_say_yes_no_and_cannot_tell(found: Report) -> None:
    told = {each.claim.name: each for each in found.claims}
    gain = told["lookup-names: chance of the right call after stages, 3 -> 0"]
    assert gain.ours == pytest.approx(1.0)  # ten times
    assert gain.holds is True
    assert len(gain.by_seed) == 6
    assert told["lookup-gate: chance of the right call after stages, 3 -> 0"].holds is False
    rates = told["lookup-names: take-off, 3 -> 2 -> 0 over none"]
    assert rates.ours == 1.0
    assert rates.holds is True
    same = told["lookup-names: take-off, 3 -> 2 -> 0 over 3 -> 0"]
    assert same.ours == 0.0
    assert same.holds is None  # six runs rule no difference out
    schedule = told["lookup-gate: take-off, 3 -> 2 -> 0 over 3 -> 2 -> 1 -> 0"]
    assert schedule.claim.paper is not None
    assert schedule.claim.paper["7B, average"] == pytest.approx(31.36)
    assert len(told) == 2 * 8


def test_few_pairs_get_no_verdict(found: Report) -> None:
    few = report([each for each in found.runs if each["seed"] < 5])
    told = {each.claim.name: each for each in few.claims}
    gain = told["lookup-names: chance of the right call after stages, 3 -> 0"]
    assert gain.ours == pytest.approx(1.0)
    assert gain.ci95 is not None
    assert told["lookup-names: take-off, 3 -> 0 over none"].ours == 1.0
    assert all(each.holds is None for each in few.claims)


def test_runs_that_have_not_ended_may_lack(found: Report) -> None:
    runs = [each for each in found.runs if each["seed"] == 0 and each["arm"] != "3 -> 0"]
    part = report(runs)
    assert {row.arm for row in part.arms} == set(ARMS) - {"3 -> 0"}
    assert all(each.holds is None and each.ours is None for each in part.claims)
    assert all(row.solved is None for row in part.arms)
    assert picture(part).startswith(b"\x89PNG")
    assert report([]).arms == ()


def test_a_run_that_fell_back_did_not_take_off() -> None:
    chances = [1e-4] * 5 + [0.9] * 3 + [0.2] * 3
    once = record("lookup-names", "none", 0, chances)
    (row,) = report([once]).arms
    assert (row.took_off.hits, row.first) == (0, None)


def test_a_chance_of_nothing_is_a_small_one() -> None:
    (row,) = report([record("lookup-gate", "none", 0, [0.0] * 11)]).arms
    assert row.right[1] == pytest.approx(1e-30)


def test_shares_differ_as_newcombe_says() -> None:
    # 56 of 70 and 48 of 80: the paper's own example
    one = Rate.of([True] * 56 + [False] * 14)
    other = Rate.of([True] * 48 + [False] * 32)
    low, high = rates_differ(one, other)
    assert [low, high] == pytest.approx([0.0524, 0.3339], abs=1e-4)
    assert list(rates_differ(other, one)) == pytest.approx([-high, -low])


def test_the_report_in_json(found: Report) -> None:
    kept = plain(found)
    assert "runs" not in kept
    assert kept["claims"][0]["claim"]["better"] == "3 -> 0"
    assert math.isfinite(kept["arms"][0]["right"][0])
