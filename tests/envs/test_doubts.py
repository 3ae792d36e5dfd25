import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from forethought.agent.errors import ConfigError
from forethought.agent.types import (
    Candidate,
    Considered,
    Decision,
    Episode,
    Estimate,
    Outcome,
    Step,
    Trace,
    Usage,
)
from forethought.envs.published import published
from forethought.envs.registry import World, get_world, world_ids
from forethought.envs.results import Result
from forethought.envs.scores import BenchReport, summarise

WORLD = get_world("signpost-v0")
GO = Candidate("I go.", action="left")


def _trace(
    index: int,
    reward: float,
    *,
    instance: int | None = None,
    seat: int = 0,
    opponent: str = "",
    model: str = "",
    usage: Usage | None = None,
    facts: Mapping[str, float | str | bool] | None = None,
) -> Trace:
    decision = Decision(GO, "left", "x", usage={"act": usage} if usage else {})
    return Trace(
        Episode(
            f"{index}",
            WORLD.id,
            seed=index,
            instance=index if instance is None else instance,
            seat=seat,
            opponent=opponent,
            model=model,
        ),
        (Step(0, "", "", decision),),
        Outcome(reward, reward > 0.5, facts=facts or {}),
    )


def _arm(rewards: Sequence[float], model: str = "", usage: Usage | None = None) -> list[Trace]:
    return [_trace(i, reward, model=model, usage=usage) for i, reward in enumerate(rewards)]


def _noise(mean: float, seed: int, count: int = 60) -> list[float]:
    rng = random.Random(seed)
    return [mean + rng.gauss(0, 0.1) for _ in range(count)]


def _report(**arms: Sequence[Trace]) -> BenchReport:
    return summarise(WORLD, {name.replace("__", "+"): a for name, a in arms.items()}, seed=1)


def _said(report: BenchReport, words: str) -> list[str]:
    return [line for line in report.warnings if words in line]


def test_a_head_without_its_control_is_told() -> None:
    alone = _report(unguided=_arm(_noise(0.2, 1)), rank=_arm(_noise(0.6, 2)))
    assert _said(alone, "rank stands here without its control rank+permuted")
    both = _report(rank=_arm(_noise(0.6, 2)), rank__permuted=_arm(_noise(0.2, 3)))
    assert not _said(both, "without its control")
    knowing = _report(rank__oracle=_arm(_noise(0.6, 2)), unguided=_arm(_noise(0.2, 3)))
    assert not _said(knowing, "without its control")


def test_a_control_above_the_unguided_level_is_told() -> None:
    above = _report(unguided=_arm(_noise(0.2, 1)), rank__permuted=_arm(_noise(0.4, 2)))
    (line,) = _said(above, "is not what the critic learned")
    assert line.startswith("rank+permuted is above unguided by 0.15")
    level = _report(unguided=_arm(_noise(0.2, 1)), rank__permuted=_arm(_noise(0.1, 2)))
    assert not _said(level, "is not what the critic learned")


def test_arms_of_different_models_are_told() -> None:
    one = _arm(_noise(0.2, 1), "small", Usage(1))
    other = _arm(_noise(0.3, 2), "large", Usage(1))
    (line,) = _said(_report(react=one, refine__asked=other), "the same model")
    assert line == "the arms do not use the same model (react: small; refine+asked: large)"
    bots = _report(heuristic=_arm(_noise(0.2, 1)), react=one)
    assert not _said(bots, "the same model")


def test_dollars_are_counted_where_a_price_is_known() -> None:
    priced = _arm(_noise(0.2, 1), "m", Usage(2, 300, 20, dollars=0.25))
    free = _arm(_noise(0.2, 1), "m", Usage(2, 300, 20))
    report = _report(react=priced, reflexion=free, unguided=_arm(_noise(0.2, 3)))
    assert report.arms["react"].dollars == 0.25
    assert report.arms["reflexion"].dollars is None  # calls without a known price
    assert report.arms["unguided"].dollars == 0.0


def test_numeric_facts_of_the_outcome_are_averaged() -> None:
    traces = []
    for i in range(10):
        stated: dict[str, float | str | bool] = {
            "surplus": float(i),
            "agreed": i % 2 == 0,
            "role": "x",
            "odd": float("nan"),
        }
        if i == 4:
            stated["rare"] = 3.0
        traces.append(_trace(i, 0.5, facts=stated))
    facts = _report(a=traces).arms["a"].facts
    assert set(facts) == {"surplus", "agreed", "rare"}
    assert facts["surplus"].mean == 4.5
    assert facts["surplus"].ci95 is not None
    assert facts["surplus"].ci95[0] < 4.5 < facts["surplus"].ci95[1]
    assert facts["agreed"].mean == 0.5
    assert (facts["rare"].mean, facts["rare"].n, facts["rare"].ci95) == (3.0, 1, None)


def test_an_interval_without_width_is_told() -> None:
    report = _report(a=_arm([0.0] * 40), b=_arm(_noise(0.5, 1, 40)))
    assert _said(report, "a: all 40 episodes had the same reward")
    assert not _said(report, "b: all 40")


def test_many_pairs_are_told() -> None:
    arms = {name: _arm(_noise(0.2, seed)) for seed, name in enumerate("abcd")}
    assert _said(_report(**arms), "6 pairs: among equal arms")
    assert not _said(_report(a=arms["a"], b=arms["b"], c=arms["c"]), "pairs")


def test_instances_that_come_again_are_drawn_together() -> None:
    rewards = _noise(0.3, 1, 20)
    again = [_trace(5 * i + k, rewards[i], instance=i) for i in range(20) for k in range(5)]
    report = _report(a=again)
    once = _report(a=_arm(rewards))
    assert _said(report, "100 episodes on 20 instances")
    assert not _said(once, "instances")
    wide, also = report.arms["a"].ci95, once.arms["a"].ci95
    assert wide is not None
    assert also is not None
    assert wide[1] - wide[0] == pytest.approx(also[1] - also[0], rel=0.05)


def test_seats_that_do_not_take_turns_are_told() -> None:
    world = replace(WORLD, seats=2, opponents=("a", "b"))
    fair = [_trace(i, 0.1 * (i % 7), seat=i // 2 % 2, opponent="ab"[i % 2]) for i in range(40)]
    report = summarise(world, {"x": fair}, seed=1)
    assert not _said(report, "seats")
    assert {seat: row["x"].n for seat, row in report.by_seat.items()} == {"0": 20, "1": 20}
    unfair = summarise(
        world, {"x": [replace(t, episode=replace(t.episode, seat=0)) for t in fair]}, seed=1
    )
    assert _said(unfair, "do not give every opponent all 2 seats about equally often")
    assert summarise(WORLD, {"x": fair}, seed=1).by_seat == {}


def _seeded(*means: tuple[float, float]) -> BenchReport:
    a = [_trace(i, r) for i, r in enumerate(x for m, _ in means for x in _noise(m, 1, 30))]
    b = [_trace(i, r) for i, r in enumerate(x for _, m in means for x in _noise(m, 2, 30))]
    return summarise(WORLD, {"a": a, "b": b}, seed=1, seeds=range(1, len(means) + 1))


def test_every_seed_has_its_own_figures_and_all_are_pooled() -> None:
    report = _seeded((0.2, 0.6), (0.3, 0.7))
    assert report.seeds == (1, 2)
    assert report.episodes == 60
    assert list(report.by_seed) == ["1", "2"]
    first, second = report.by_seed.values()
    assert first.episodes == second.episodes == 30
    assert report.arms["a"].mean == pytest.approx(
        (first.arms["a"].mean + second.arms["a"].mean) / 2
    )
    gap = report.paired["b vs a"]
    parts = [row.paired["b vs a"] for row in (first, second)]
    assert gap.diff == pytest.approx(sum(part.diff for part in parts) / 2)
    assert all(part.ci95[1] - part.ci95[0] > gap.ci95[1] - gap.ci95[0] for part in parts)
    assert not _said(report, "contrary")
    assert summarise(WORLD, {"a": _arm([0.1, 0.2, 0.3])}, seed=4).by_seed == {}


def test_a_seed_that_says_the_contrary_is_told() -> None:
    report = _seeded((0.2, 0.6), (0.3, 0.25), (0.2, 0.7))
    assert _said(report, "a and b: seed 2 alone would say the contrary")


def test_seeds_that_do_not_divide_the_episodes_are_refused() -> None:
    with pytest.raises(ConfigError, match="3 episodes are not 2 or more for each of 2 seeds"):
        summarise(WORLD, {"a": _arm([0.1, 0.2, 0.3])}, seed=1, seeds=[1, 2])


def test_a_result_sums_up_what_a_comparison_needs() -> None:
    estimates = (Estimate(0.5, 0.4, 0.6), Estimate(0.5, 0.0, 1.0, supported=False))
    guided = Decision(
        GO,
        "left",
        "x",
        considered=(Considered(GO, estimates, 0.1),),
        weighed=8,
        usage={"act": Usage(2, 10, 5), "goals": Usage(1, 3, 1)},
    )
    plain = Decision(GO, "right", "x")
    steps = (Step(0, "", "", guided, invalid=True), Step(1, "", "", plain))
    trace = Trace(Episode("e", WORLD.id, facts={"x": 1}), steps, None)
    result = Result.of(trace)
    assert (result.reward, result.success, result.failed) == (0.0, False, True)
    assert (result.steps, result.invalid) == (2, 1)
    assert (result.supported, result.asked) == (0.5, 1)
    assert (result.weighed, result.weighing) == (8, 1)
    assert (result.usage.calls, result.usage.tokens) == (3, 19)
    assert result.first == GO
    assert result.episode.facts == {}
    assert Result.of(Trace(Episode("e", WORLD.id))).first is None


def _figures(world: World) -> None:
    for figure in published(world.id):
        assert 0 < figure.value <= 1
        assert figure.source
        assert figure.differs


def test_published_figures_name_source_and_difference() -> None:
    for name in world_ids():
        _figures(get_world(name))
    avalon = {figure.method: figure.value for figure in published("avalon-v0")}
    assert avalon["rule-based players on the good side"] == 0.382
    shop = {(f.method, f.metric): f.value for f in published("webshop-v0")}
    assert shop["people, experts", "success"] == 0.596
    assert shop["PNLC (GPT-4)", "reward"] == 0.782
    assert published("signpost-v0") == ()
