from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from forethought.valuefn.reproduce.tocorl import SETS, answer, report_of, spread
from forethought.valuefn.reproduce.tocorl_picture import picture
from forethought.valuefn.reproduce.tocorl_plan import (
    ARMS,
    ASKED,
    BEFORE,
    CHOSEN,
    CLAIMS,
    FULL,
    QUICK,
    Job,
    jobs_of,
    recipe_of,
)
from forethought.valuefn.reproduce.tocorl_run import do
from forethought.valuefn.rl.recipe import check_recipe
from forethought.valuefn.rl.rows import RECIPES
from forethought.valuefn.rl.toys.bases import prepare
from forethought.valuefn.rl.toys.modes import DIRECT

SIZE = replace(FULL, bases=2, seeds=3)


def test_arms_change_what_they_are_named_after() -> None:
    row = RECIPES["tocorl"]
    chosen = recipe_of(ARMS[CHOSEN], FULL)
    assert chosen.loss == row.loss
    assert (chosen.group, chosen.prompts) == (row.group, row.prompts)
    assert chosen.prefixes == replace(row.prefixes, texts=(DIRECT,))
    for name in ("none", "positive", "shaped", "importance"):
        forced = replace(chosen.loss, forced=name)
        assert recipe_of(ARMS[name], FULL) == replace(chosen, loss=forced)
    free, more = (recipe_of(ARMS[arm], FULL) for arm in ("free", "free-4x"))
    assert free.prefixes.texts == ()
    assert replace(more, steps=free.steps) == free
    assert more.steps == 4 * free.steps == 4 * chosen.steps
    for arm in ARMS.values():
        for size in (FULL, QUICK):
            check_recipe(recipe_of(arm, size))


def test_every_arm_is_run_on_every_base_and_seed() -> None:
    jobs = jobs_of(FULL, seed=7)
    assert len({job.key for job in jobs}) == len(jobs)
    for arm in ARMS:
        places = {(job.base, job.seed) for job in jobs if job.arm == arm}
        seeds = {7} if arm == BEFORE else set(range(7, 7 + FULL.seeds))
        assert places == {(base, seed) for base in range(FULL.bases) for seed in seeds}
    assert FULL.seeds >= 5
    assert FULL.bases >= 2
    short = [job for job in jobs if ARMS[job.arm].times == 1]
    assert jobs[: len(short)] == short  # the long ones come last
    assert [job.seed for job in short] == sorted(job.seed for job in short)


def test_what_is_claimed_is_of_the_chosen_loss_and_of_plain_training() -> None:
    assert {claim.asked.name for claim in CLAIMS if claim.arm == CHOSEN} == {a.name for a in ASKED}
    assert {claim.arm for claim in CLAIMS if not claim.said} == {"free", "free-4x", "none"}
    assert len({claim.name for claim in CLAIMS}) == len(CLAIMS)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("bases")
    return prepare("modes", changes={"size": "0.02M", "steps": 60}, place=place, count=8).folder


def test_equal_jobs_give_equal_records(base: Path) -> None:
    size = replace(QUICK, updates=2)
    one, other = (do(Job("as-sampled", 0, 3), base, size) for _ in range(2))
    assert one.pop("seconds") != other.pop("seconds")
    assert one == other
    assert one["key"] == "as-sampled/base-0/seed-3"
    assert [updates for updates, _ in one["curve"]] == [0, 1, 2]
    assert one["rollouts"] == size.updates * size.prompts * size.group
    assert set(one["right"]) == set(SETS)
    assert one["right"]["held-out facts"][1] == 40 * QUICK.replies


def test_imitation_of_prefixed_answers_makes_them_likelier(base: Path) -> None:
    size = replace(QUICK, updates=8, every=8)
    curve = do(Job("sft", 0, 0), base, size)["curve"]
    for name in SETS:
        assert curve[-1][1][name]["direct"] > curve[0][1][name]["direct"]
    right = do(Job("sft-right", 0, 0), base, size)["curve"]
    rose = [right[-1][1][name]["direct"] / curve[-1][1][name]["direct"] for name in SETS]
    assert max(rose) < 1  # few answers are right, so it learns from fewer


def test_the_base_stays_as_it_is(base: Path) -> None:
    record = do(Job(BEFORE, 0, 0), base, QUICK)
    assert [updates for updates, _ in record["curve"]] == [0]
    assert record["rollouts"] == 0


def made(
    job: Job, *, facts: float, sums: float = 1e-4, facts_right: int = 99, sums_right: int = 100
) -> dict[str, Any]:
    """A record whose end is known; held-out facts come out a little worse than the others."""

    def point(direct: float) -> dict[str, Mapping[str, float]]:
        return {
            name: {
                "direct": direct if name.endswith("facts") else sums,
                "solved": direct if name.endswith("facts") else 1 - sums,
                "forced": 1.0,
            }
            for name in SETS
        }

    right = {name: facts_right if name.endswith("facts") else sums_right for name in SETS}
    right["held-out facts"] -= 2
    return {
        "key": job.key,
        "arm": job.arm,
        "base": job.base,
        "seed": job.seed,
        "curve": [(0, point(1e-4)), (10, point(facts))],
        "right": {name: (hits, 100) for name, hits in right.items()},
        "rollouts": 640,
        "seconds": 1.0,
    }


def records() -> list[dict[str, Any]]:
    found = []
    for job in jobs_of(SIZE):
        if job.arm in {"as-sampled", "positive"}:
            much = 0.004 if job.arm == "positive" else 1e-9
            found.append(made(job, facts=0.97 + 0.01 * job.base, sums=much))
        elif job.arm == "shaped":
            found.append(made(job, facts=0.9 + 0.04 * job.seed, facts_right=90))
        elif job.arm == "sft":
            found.append(made(job, facts=0.99, sums=0.9, sums_right=8))
        else:
            found.append(made(job, facts=1e-4, facts_right=3))
    return found


def test_a_report_answers_what_was_claimed() -> None:
    report = report_of(records(), size=SIZE)
    assert (report.ended, report.planned) == (len(jobs_of(SIZE)), len(jobs_of(SIZE)))
    assert {found.holds for found in report.claims} == {True}
    chosen = report.rows[CHOSEN]
    assert chosen.figures["held-out facts"]["direct"].value == pytest.approx(0.975)
    assert chosen.figures["held-out facts"]["direct"].by_base == pytest.approx((0.97, 0.98))
    assert chosen.figures["held-out facts"]["short"].value == pytest.approx(0.03)
    assert chosen.figures["facts"]["short"].value == pytest.approx(0.01)
    assert (chosen.reached.hits, chosen.whole.hits, chosen.whole.n) == (6, 6, 6)
    pairs = {found.claim.name: found for found in report.pairs}
    assert pairs["as-sampled > free"].ours == pytest.approx(0.9749)
    assert pairs["as-sampled > free"].holds is True
    assert pairs["none > free"].holds is False


def test_each_arm_answers_each_question_on_both_sets() -> None:
    report = report_of(records(), size=SIZE)
    told = {
        (row.arm, each.asked, each.held_out): each.holds
        for row in report.rows.values()
        for each in row.answers
    }
    assert len(told) == len(ARMS) * len(ASKED) * 2
    direct, short, apart, kept = (asked.name for asked in ASKED)
    assert told["positive", direct, True] is True
    assert told["positive", apart, True] is False
    assert report.rows["positive"].whole.hits == 0
    assert told["shaped", direct, True] is None  # from 0.90 to 0.98
    assert told["shaped", short, False] is False
    assert told["sft", kept, True] is False
    assert told["free", direct, False] is False
    assert report.rows["sft"].peak.value == pytest.approx(0.9)
    assert report.rows["sft"].dip.value == pytest.approx(0.1)


def test_held_out_problems_are_answered_for_themselves() -> None:
    some = records()
    for record in some:
        if record["arm"] == CHOSEN:
            record["right"]["held-out facts"] = (90, 100)
    told = {each.claim.name: each.holds for each in report_of(some, size=SIZE).claims}
    question = ASKED[1].name
    assert told[f"{CHOSEN}: held-out {question}"] is False
    assert told[f"{CHOSEN}: {question}"] is True


def test_runs_that_have_not_ended_are_not_told_of() -> None:
    first = [record for record in records() if record["seed"] == 0 and record["base"] == 0]
    some = [record for record in first if record["arm"] != "free-4x"]
    report = report_of(some, size=SIZE)
    assert report.ended == len(some)
    assert "free-4x" not in report.rows
    assert {found.holds for found in report.claims} == {None}  # no interval of one run
    assert {found.holds for found in report.pairs} == {None}
    assert picture(report).startswith(b"\x89PNG")
    no_base = [record for record in records() if record["arm"] != BEFORE]
    assert report_of(no_base, size=SIZE).rows == {}


@pytest.mark.parametrize(
    ("ends", "least", "most"),
    [
        ((0.96, 0.99), True, False),
        ((0.95, 0.99), True, None),
        ((0.90, 0.94), False, True),
        ((0.90, 0.95), None, True),
        ((0.90, 0.99), None, None),
        (None, None, None),
    ],
)
def test_a_question_is_answered_by_the_whole_interval(
    ends: tuple[float, float] | None, least: bool | None, most: bool | None
) -> None:
    assert answer(ends, replace(ASKED[0], bound=0.95, least=True)) is least
    assert answer(ends, replace(ASKED[0], bound=0.95, least=False)) is most


def test_an_interval_is_students_and_needs_three_trainings() -> None:
    assert spread([0.9, 1.0]) is None
    low, high = spread([0.9, 1.0, 1.1]) or (0.0, 0.0)
    assert (low, high) == pytest.approx((1 - 0.24841, 1 + 0.24841), abs=1e-4)
