import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from forethought.agent.attempts import closed_form
from forethought.agent.errors import UnknownName
from forethought.valuefn.reproduce.decide import run
from forethought.valuefn.reproduce.decide_balance import balanced, balances, gaps, log_ratio
from forethought.valuefn.reproduce.decide_picture import picture
from forethought.valuefn.reproduce.decide_plan import (
    ARMS,
    CLAIMS,
    FULL,
    QUICK,
    START,
    arm_of,
    jobs,
    recipe_of,
)
from forethought.valuefn.reproduce.decide_report import parts, report_of
from forethought.valuefn.reproduce.decide_train import COUNTED
from forethought.valuefn.reproduce.fleet import FILE

TINY = replace(QUICK, changes={"size": "0.02M", "steps": 20}, curve=4, count=4)


def test_the_schedule_is_what_it_says() -> None:
    planned = jobs(FULL, 7)
    arms = len(ARMS) + 1
    assert len(planned) == len(FULL.bases) * FULL.seeds * arms == len({job.key for job in planned})
    whole = planned[: arms * len(FULL.bases)]  # all arms of all bases of the first seed come first
    assert {job.seed for job in whole} == {7}
    assert {job.arm for job in whole} == {START, *ARMS}
    assert FULL.seeds >= 4
    assert jobs(replace(FULL, seeds=1), 7) == whole


def test_arms_differ_in_what_they_say_alone() -> None:
    recipes = {name: recipe_of(arm, FULL, 4) for name, arm in ARMS.items()}
    assert recipes["rl"].loss.beta == 0 < recipes["rl-kl"].loss.beta
    same = {replace(one, loss=recipes["rl"].loss).steps for one in recipes.values()}
    assert same == {FULL.updates}
    assert recipes["rl"] == recipes["sft"]
    assert recipes["rl"].attribution == FULL.attribution
    with pytest.raises(UnknownName, match="rl-kl"):
        arm_of("dpo")


def test_claims_name_arms() -> None:
    for claim in CLAIMS:
        assert {claim.better, claim.worse} <= {START, *ARMS}


def test_swapped_parts_add_up_and_vanish_where_nothing_differs() -> None:
    better, worse = (0.7, 0.9, 0.8), (0.4, 0.8, 0.1)
    whole, decision, sampling = parts(better, worse, 4)
    assert whole == pytest.approx(closed_form(*better, 4) - closed_form(*worse, 4))
    assert decision + sampling == pytest.approx(whole)
    assert min(decision, sampling) > 0
    assert parts((0.7, 0.8, 0.1), worse, 4)[1] == 0
    assert parts((0.4, 0.9, 0.8), worse, 4)[2] == pytest.approx(0)
    mirrored = parts(worse, better, 4)
    assert mirrored == pytest.approx((-whole, -decision, -sampling))


def _record(arm: str, seed: int, accuracy: float, *, ratio: float = 1.0) -> dict[str, Any]:
    hits = round(100 * accuracy)
    counts = dict.fromkeys(COUNTED, (50, 100)) | {"accuracy": (hits, 100)}
    if arm == "rl":
        counts["retry_wrong"] = (90, 100)
    terms = {"reward": 1.0, "sft": ratio, "kl": ratio}
    norms = {f"{kind}/{name}/decision": 1.0 for kind in _KINDS for name in terms} | {
        f"{kind}/{name}/sample": size * (1 + seed / 100)
        for kind in _KINDS
        for name, size in terms.items()
    }
    signals = {f"{name}/sample": size**2 for name, size in terms.items()}
    signals |= {f"{name}/decision": 1.0 for name in terms}
    signals |= {"tokens/sample": 3.0, "tokens/decision": 1.5}
    end = dict.fromkeys(("1*1", "2*1", "3*1"), counts)
    return {
        "key": f"{arm}{seed}",
        "arm": arm,
        "base": "products",
        "base_seed": 0,
        "seed": seed,
        "curve": [(0, end), (5, end)],
        "end": end,
        "norms": [(0, dict.fromkeys(norms, 0.0)), (5, norms)],
        "signals": signals,
        "samples": 10,
        "trained": 20,
        "seconds": 1.0,
    }


_KINDS = ("gradient", "gradient_per_token")


def _records(gain: float, ratio: float) -> list[dict[str, Any]]:
    means = {START: 0.3, "rl": 0.5 + gain, "rl-kl": 0.5, "sft": 0.5, "sft-own": 0.5}
    return [
        _record(arm, seed, mean + seed / 100, ratio=ratio)
        for seed in range(4)
        for arm, mean in means.items()
    ]


@pytest.mark.parametrize(("gain", "said"), [(0.2, True), (-0.2, False), (0.0, False)])
def test_a_claim_holds_by_its_paired_interval(gain: float, said: bool) -> None:
    found = {each.claim.name: each for each in report_of(_records(gain, 1.0), FULL, 0).claims}
    told = found["rl > sft, out of range"]
    assert told.holds is said
    assert told.value == pytest.approx(gain)
    assert len(told.by_run) == 4
    assert found["rl > base, out of range"].value == pytest.approx(gain + 0.2)
    # the records' decisions differ, their samples do not
    assert found["rl > sft by its decisions, out of range"].holds is True
    assert found["more by decisions than by samples, out"].value == pytest.approx(
        closed_form(0.5, 0.5, 0.9, 4) - closed_form(0.5, 0.5, 0.5, 4)
    )


def test_one_run_tells_a_figure_and_answers_nothing() -> None:
    report = report_of([one for one in _records(0.2, 1.0) if one["seed"] == 0], FULL, 0)
    assert all(each.holds is None for each in report.claims)
    row = next(row for row in report.rows if row.arm == "rl" and row.kind == "3*1")
    accuracy = row.figures["accuracy"]
    assert accuracy is not None
    assert (accuracy.value, accuracy.ci95) == (0.7, None)
    assert accuracy.wilson is not None
    assert not row.inside


def test_what_was_never_seen_is_left_out() -> None:
    records = _records(0.1, 1.0)
    for one in records:
        if one["arm"] == "sft":
            one["end"]["3*1"] = {**one["end"]["3*1"], "stop_right": (0, 0)}
            one["end"] = dict(one["end"])
    report = report_of(records, FULL, 0)
    row = next(row for row in report.rows if row.arm == "sft" and row.kind == "3*1")
    assert row.figures["p_d|C"] is None
    assert row.figures["closed form"] is None
    found = {each.claim.name: each for each in report.claims}
    assert found["rl > sft by its decisions, out of range"].holds is None
    assert found["rl > sft, out of range"].holds is True


def test_balance_is_within_a_factor_of_two() -> None:
    assert balanced(0.6, 1.9) is True
    assert balanced(2.1, 9.0) is False
    assert balanced(0.1, 0.4) is False
    assert balanced(1.5, 2.5) is None
    found = {(each.term, each.reading): each for each in balances(_records(0.0, 8.0), 0)}
    assert found["reward", "raw"].balanced is True
    assert found["sft", "raw"].balanced is False
    assert found["kl", "signal, end"].ratio == pytest.approx(8)
    assert ("kl", "signal, base") not in found
    more = {each.term: each for each in gaps(_records(0.0, 8.0))}
    assert more["kl"].doublings == pytest.approx(3, abs=0.05)
    assert more["kl"].holds is True
    assert {each.holds for each in gaps(_records(0.0, 1.0))} == {False}


def test_updates_without_a_gradient_have_no_ratio() -> None:
    record = _record("rl", 0, 0.5)
    assert log_ratio(record, "reward") == 0
    assert log_ratio({**record, "norms": record["norms"][:1]}, "reward") is None
    assert log_ratio(_record("sft", 3, 0.5, ratio=4.0), "sft") == pytest.approx(math.log(4.12))


def test_a_signal_lost_in_noise_is_none() -> None:
    records = _records(0.0, 1.0)
    for one in records:
        one["signals"]["reward/decision"] = -1.0
    found = {(each.term, each.reading): each for each in balances(records, 0)}
    assert found["reward", "signal, end"].ratio is None
    assert found["reward", "raw"].ratio is not None


def test_a_run_that_was_cut_ends_in_the_same_report(tmp_path: Path) -> None:
    size = replace(TINY, seeds=1)
    once = run(tmp_path / "one", size=size, bases=tmp_path / "bases")
    file = tmp_path / "one" / FILE
    lines = file.read_text().splitlines(keepends=True)
    assert len(lines) == len(ARMS) + 1
    file.write_text("".join(lines[:3]) + lines[3][:40])
    again = run(tmp_path / "one", size=size, bases=tmp_path / "bases")
    still = [replace(cost, seconds=0) for cost in once.costs]
    assert still == [replace(cost, seconds=0) for cost in again.costs]
    assert replace(once, costs=()) == replace(again, costs=())
    costs = {cost.arm: cost for cost in once.costs}
    drawn = size.updates * size.prompts * size.group
    assert {cost.samples for cost in costs.values()} == {drawn}
    assert all(cost.longer > 0.5 for cost in costs.values())
    assert [at for at, _ in once.curves["rl"]] == [0, 1, 2]
    start = {arm: points[0] for arm, points in once.curves.items()}
    assert start["rl"] == start["sft"] == start["sft-own"]
    assert picture(again).startswith(b"\x89PNG")
