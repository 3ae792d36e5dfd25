import json
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest

from forethought.agent.critics import ScriptedCritic
from forethought.agent.errors import ConfigError, UnknownName
from forethought.agent.trace import read_traces
from forethought.agent.types import Candidate, Episode, Estimate, Goal, Outcome, Trace
from forethought.envs.bench import run_bench
from forethought.envs.registry import get_world
from forethought.envs.rollouts import pair_key
from forethought.envs.scores import BenchReport, summarise
from forethought.envs.signpost import HOME

WORLD = get_world("signpost-v0")
CROWD = replace(WORLD, opponents=("a", "b"), unseen=("c",), seats=2)
ARMS = ["unguided", "rank+permuted", "rank"]


def _knows(state: str, candidate: Candidate, goal: Goal) -> float:
    left = any(colour in state for colour in ("red", "green", "black"))
    home = (candidate.prefix == "Left.") == left
    return 0.9 if home == (goal == HOME) else 0.1


def _cannot_say(state: str, candidate: Candidate, goal: Goal) -> Estimate:
    return Estimate(0.5, 0.0, 1.0, supported=False)


CRITICS = {
    "head": ScriptedCritic(_knows),
    "permuted": ScriptedCritic(lambda state, candidate, goal: 0.5),
}


async def _bench(arms: list[str] = ARMS, episodes: int = 60, seed: int = 5) -> BenchReport:
    return await run_bench(WORLD, arms, episodes=episodes, seed=seed, critics=CRITICS)


async def test_a_critic_that_knows_is_shown_to_help() -> None:
    report = await _bench()
    assert report.arms["rank"].mean == 1.0
    assert report.arms["rank"].success == 1.0
    assert report.arms["rank"].supported == 1.0
    assert report.arms["unguided"].supported is None
    gap = report.paired["rank vs unguided"]
    assert gap.ci95[0] > 0.2
    assert gap.diff == pytest.approx(1 - report.arms["unguided"].mean)
    effect = report.effects["rank vs unguided"]
    assert effect is not None
    assert effect > 0.5


async def test_the_json_has_the_agreed_shape() -> None:
    report = json.loads(json.dumps((await _bench()).to_json()))
    assert {"env", "seed", "episodes", "arms", "paired"} <= set(report)
    assert (report["env"], report["seed"], report["episodes"]) == ("signpost-v0", 5, 60)
    assert list(report["arms"]) == ARMS
    for row in report["arms"].values():
        assert list(row) == [
            "mean",
            "ci95",
            "n",
            "success",
            "supported",
            "invalid",
            "calls",
            "tokens",
            "seconds",
            "dollars",
            "weighed",
            "facts",
        ]
        low, high = row["ci95"]
        assert low <= row["mean"] <= high
        assert row["n"] == 60
        assert row["seconds"] > 0
    assert list(report["paired"]) == [f"{a} vs {b}" for a, b in permutations(ARMS, 2)]
    for row in report["paired"].values():
        assert list(row) == ["diff", "ci95"]


async def test_figures_do_not_depend_on_the_order_or_company_of_arms() -> None:
    there, back = await _bench(), await _bench(ARMS[::-1])
    alone = await _bench(["unguided"])
    for name in ARMS:
        assert replace(there.arms[name], seconds=0) == replace(back.arms[name], seconds=0)
    assert replace(alone.arms["unguided"], seconds=0) == replace(there.arms["unguided"], seconds=0)
    assert alone.paired == {}
    assert there.paired == {name: back.paired[name] for name in there.paired}


async def test_both_ways_round_are_mirrors() -> None:
    report = await _bench()
    one, other = report.paired["rank vs unguided"], report.paired["unguided vs rank"]
    assert one.diff == -other.diff
    assert one.ci95 == pytest.approx((-other.ci95[1], -other.ci95[0]))


async def test_arms_are_paired_on_test_instances(tmp_path: Path) -> None:
    await run_bench(CROWD, ARMS, episodes=30, critics=CRITICS, out=tmp_path)
    met: dict[str, list[tuple[int, int, str, int]]] = {}
    for trace in read_traces(tmp_path).traces:
        assert 2_000_000 <= trace.episode.instance < 3_000_000
        met.setdefault(trace.episode.arm, []).append(pair_key(trace.episode))
    assert set(met) == set(ARMS)
    assert met["unguided"] == met["rank"] == met["rank+permuted"]
    assert {key[2] for key in met["rank"]} == {"a", "b", "c"}


async def test_the_table_by_opponent_marks_those_not_met_in_training() -> None:
    report = await run_bench(CROWD, ARMS, episodes=31, critics=CRITICS)
    assert list(report.by_opponent) == ["a", "b", "c"]
    assert report.unseen == ("c",)
    counts = [report.by_opponent[name]["rank"].n for name in "abc"]
    assert counts == [16, 15, 15]
    tiny = await run_bench(CROWD, ["rank"], episodes=2, critics=CRITICS)
    assert tiny.by_opponent["a"]["rank"].ci95 is None
    chosen = await run_bench(CROWD, ["rank"], episodes=4, critics=CRITICS, opponents=["c"])
    assert list(chosen.by_opponent) == ["c"]


async def test_opponents_not_met_in_training_are_in_no_mean() -> None:
    with_them = await run_bench(CROWD, ARMS, episodes=30, critics=CRITICS)
    without = await run_bench(CROWD, ARMS, episodes=30, critics=CRITICS, opponents=["a", "b"])
    assert [row.n for row in with_them.arms.values()] == [30, 30, 30]
    assert with_them.by_opponent["c"]["rank"].n == 15
    assert with_them.paired == without.paired
    assert with_them.arms["rank"].mean == without.arms["rank"].mean
    assert without.unseen == ()


async def test_resuming_gives_the_same_report_and_plays_only_what_is_missing(
    tmp_path: Path,
) -> None:
    whole = await _bench()
    await run_bench(WORLD, ["rank"], episodes=25, seed=5, critics=CRITICS, out=tmp_path)
    told: list[tuple[str, int, int]] = []
    resumed = await run_bench(
        WORLD,
        ARMS,
        episodes=60,
        seed=5,
        critics=CRITICS,
        out=tmp_path,
        resume=True,
        progress=lambda *news: told.append(news),
    )
    assert resumed.paired == whole.paired
    assert [news for news in told if news[0] == "rank"] == [
        ("rank", count, 60) for count in range(25, 61)
    ]
    assert len(read_traces(tmp_path).traces) == 180
    again = await run_bench(
        WORLD, ARMS, episodes=60, seed=5, critics=CRITICS, out=tmp_path, resume=True
    )
    assert again.paired == whole.paired
    assert again.arms["rank"].seconds is None


async def test_it_warns_of_what_cannot_be_claimed() -> None:
    few = await _bench(episodes=8)
    assert any("8 episodes are too few" in line for line in few.warnings)
    critics = CRITICS | {"permuted": ScriptedCritic(_cannot_say)}
    report = await run_bench(WORLD, ARMS, episodes=60, seed=5, critics=critics)
    assert any("rank+permuted: only 0% of its estimates" in line for line in report.warnings)
    told_apart = [line for line in report.warnings if "cannot be told apart" in line]
    assert len(told_apart) == 1
    assert told_apart[0].startswith("unguided and rank+permuted")
    same = await run_bench(WORLD, ["rank", "rank+head"], episodes=40, critics=CRITICS)
    assert "rank and rank+head got the same in all 40 episodes" in same.warnings


@pytest.mark.parametrize(
    ("arms", "message"),
    [
        (["unguided", "unguided"], "given twice"),
        ([], "at least one arm"),
        (["rank+"], "does not name one critic"),
        (["react"], "needs a model; given: none"),
        (["unguided@nowhere"], "needs a model"),
    ],
)
async def test_arms_that_cannot_play_cost_no_episodes(
    arms: list[str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        await run_bench(WORLD, arms, episodes=4, critics=CRITICS, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


async def test_names_and_counts_that_are_wrong() -> None:
    with pytest.raises(UnknownName, match="did you mean 'rank'"):
        await run_bench(WORLD, ["rnak"], episodes=4)
    with pytest.raises(ConfigError, match="critic 'head'"):
        await run_bench(WORLD, ["rank"], episodes=4)
    with pytest.raises(ConfigError, match="2 episodes or more"):
        await run_bench(WORLD, ["unguided"], episodes=1)


async def test_a_directory_with_traces_is_not_overwritten_unasked(tmp_path: Path) -> None:
    await run_bench(WORLD, ["unguided"], episodes=2, out=tmp_path)
    with pytest.raises(ConfigError, match="exists"):
        await run_bench(WORLD, ["unguided"], episodes=2, out=tmp_path)


def _ended(instance: int, reason: str = "terminated") -> Trace:
    return Trace(
        Episode(f"{instance}", WORLD.id, instance=instance), (), Outcome(0.5, True, reason)
    )


def test_only_arms_that_met_the_same_are_compared() -> None:
    ones, others = [_ended(1), _ended(2)], [_ended(1), _ended(3)]
    with pytest.raises(ConfigError, match="'a' and 'b' did not meet the same"):
        summarise(WORLD, {"a": ones, "b": others}, seed=0)
    with pytest.raises(ConfigError, match="'a' and 'b' did not meet the same"):
        summarise(WORLD, {"a": ones, "b": ones}, {"a": ones, "b": others}, seed=0)
    with pytest.raises(ConfigError, match="at least 2"):
        summarise(WORLD, {"a": ones[:1]}, seed=0)
    with pytest.raises(ConfigError, match="no arm"):
        summarise(WORLD, {}, seed=0)


def test_failed_episodes_are_named() -> None:
    traces = [
        _ended(index, "error: no answer" if index < 3 else "terminated") for index in range(9)
    ]
    report = summarise(WORLD, {"a": traces}, seed=0)
    assert "a: 3 of 9 episodes failed (error: no answer)" in report.warnings
    assert report.arms["a"].n == 9


async def test_several_seeds_are_the_single_ones_side_by_side_and_pooled(tmp_path: Path) -> None:
    singles = {seed: await _bench(episodes=40, seed=seed) for seed in (5, 6)}
    both = await run_bench(WORLD, ARMS, episodes=40, seeds=[5, 6], critics=CRITICS, out=tmp_path)
    assert (both.seed, both.seeds, both.episodes) == (5, (5, 6), 80)
    for seed, single in singles.items():
        part = both.by_seed[str(seed)]
        assert {n: row.mean for n, row in part.arms.items()} == {
            n: row.mean for n, row in single.arms.items()
        }
        assert {n: row.diff for n, row in part.paired.items()} == {
            n: row.diff for n, row in single.paired.items()
        }
    assert len({pair_key(t.episode) for t in read_traces(tmp_path).traces}) == 80
    resumed = await run_bench(
        WORLD, ARMS, episodes=40, seeds=[5, 6], critics=CRITICS, out=tmp_path, resume=True
    )
    assert resumed.paired == both.paired
    json.dumps(both.to_json(), allow_nan=False)


async def test_seeds_that_cannot_be() -> None:
    with pytest.raises(ConfigError, match="given twice in 1, 2, 1"):
        await run_bench(WORLD, ["unguided"], episodes=4, seeds=[1, 2, 1])
    with pytest.raises(ConfigError, match="at least one seed"):
        await run_bench(WORLD, ["unguided"], episodes=4, seeds=[])


async def test_seeds_count_unseen_opponents_too() -> None:
    report = await run_bench(CROWD, ARMS, episodes=20, seeds=[1, 2], critics=CRITICS)
    assert report.by_opponent["c"]["rank"].n == 20
    assert report.arms["rank"].n == 40
    assert set(report.by_seat) == {"0", "1"}
