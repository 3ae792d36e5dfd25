from pathlib import Path
from typing import Any

import pytest

from forethought.agent.trace import read_traces

Run = Any


def test_envs_lists_worlds_and_data(run: Run) -> None:
    listed = run("envs", "--json").json
    worlds = {world["id"]: world for world in listed["envs"]}
    assert worlds["bargaining-v0"]["unseen"] == ["tit-for-tat", "micro"]
    assert "heuristic" in worlds["bargaining-v0"]["bots"]
    assert [data["id"] for data in listed["datasets"]] == ["casino"]
    text = run("envs").out
    assert "bargaining-v0" in text
    assert "tit-for-tat" in text


def test_play_keeps_traces_and_says_how_it_went(run: Run, tmp_path: Path) -> None:
    said = run("play", "bargaining-v0", "--arm", "heuristic", "--episodes", 8, "--out", tmp_path)
    assert said.code == 0
    assert "8 episodes" in said.out
    assert "conceder" in said.out
    traces = read_traces(tmp_path).traces
    assert len(traces) == 8
    assert {trace.episode.arm for trace in traces} == {"heuristic"}
    assert all(trace.episode.instance < 1_000_000 for trace in traces)


def test_play_json_is_one_object_and_repeatable(run: Run) -> None:
    call = ("play", "bargaining-v0", "--episodes", 12, "--seed", 3, "--json")
    once, again = run(*call).json, run(*call).json
    assert once == again
    assert once != run(*call[:-2], 4, "--json").json
    low, high = once["ci95"]
    assert low <= once["mean"] <= high
    assert once["n"] == once["episodes"] == 12
    assert sum(row["n"] for row in once["by_opponent"].values()) == 12
    assert once["failed"] == 0


def test_one_episode_has_no_interval(run: Run) -> None:
    said = run("play", "signpost-v0", "--episodes", 1, "--json")
    assert said.json["ci95"] is None
    assert "--out DIR keeps them" in said.err
    assert run("play", "signpost-v0", "--episodes", 1).code == 0


def test_play_chooses_opponent_and_split(run: Run, tmp_path: Path) -> None:
    run(
        *("play", "bargaining-v0", "--episodes", 3, "--opponent", "tit-for-tat"),
        *("--split", "validation", "--out", tmp_path),
    )
    episodes = [trace.episode for trace in read_traces(tmp_path).traces]
    assert {episode.opponent for episode in episodes} == {"tit-for-tat"}
    assert all(1_000_000 <= episode.instance < 2_000_000 for episode in episodes)


def test_play_goes_on_where_it_was(run: Run, tmp_path: Path) -> None:
    call = ("play", "bargaining-v0", "--out", tmp_path, "--json")
    run(*call, "--episodes", 4)
    refused = run(*call, "--episodes", 6)
    assert refused.code == 2
    assert "--resume" in refused.err
    assert refused.out == ""
    resumed = run(*call, "--episodes", 6, "--resume")
    assert resumed.json["episodes"] == 6
    assert len(read_traces(tmp_path).traces) == 6
    whole = run("play", "bargaining-v0", "--episodes", 6, "--json").json
    assert whole["mean"] == resumed.json["mean"]


def test_watching_shows_each_decision(run: Run, kept: Path) -> None:
    call = ("play", "signpost-v0", "--arm", "rank", "--critic", kept / "head", "--episodes", 2)
    said = run(*call, "--watch")
    assert said.out.count("decision 1") == 2
    for word in (
        "observation",
        "thought",
        "hoped",
        "feared",
        "The traveller comes home.",
        "action",
    ):
        assert word in said.out
    assert "reward 1.000, success" in said.out
    both = run(*call, "--watch", "--json")
    assert both.json["mean"] == 1.0
    assert "decision 1" in both.err


def test_bench_json_has_the_agreed_shape(run: Run, kept: Path, tmp_path: Path) -> None:
    said = run(
        *("bench", "signpost-v0", "--arms", "unguided,rank+permuted,rank", "--episodes", 40),
        *("--seed", 2, "--critic", kept / "head", "--out", tmp_path, "--json"),
    )
    report = said.json
    assert (report["env"], report["seed"], report["episodes"]) == ("signpost-v0", 2, 40)
    assert list(report["arms"]) == ["unguided", "rank+permuted", "rank"]
    assert report["arms"]["rank"]["mean"] == 1.0
    assert report["paired"]["rank vs unguided"]["ci95"][0] > 0
    assert report["paired"]["rank vs unguided"]["diff"] == pytest.approx(
        -report["paired"]["unguided vs rank"]["diff"]
    )
    assert {path.name for path in tmp_path.iterdir()} == {
        "bench.html",
        "bench.json",
        "traces.jsonl",
    }


def test_bench_prints_tables_and_needs_no_head_for_bots(run: Run) -> None:
    said = run("bench", "bargaining-v0", "--arms", "heuristic, unguided", "--episodes", 8)
    assert said.code == 0
    assert "heuristic" in said.out
    assert "tit-for-tat (not met in training)" in said.out
    assert "8 episodes are too few" in said.out
    named = run(
        *("bench", "bargaining-v0", "--arms", "heuristic", "--episodes", 4),
        *("--opponents", "linear,tit-for-tat", "--json"),
    ).json
    assert list(named["by_opponent"]) == ["linear", "tit-for-tat"]
    assert named["unseen"] == ["tit-for-tat"]
    assert named["arms"]["heuristic"]["n"] == 4


def test_a_control_that_is_missing_is_named(run: Run, kept: Path, tmp_path: Path) -> None:
    bare = tmp_path / "head"
    assert (
        run(
            *("train", "value", kept / "signs", "--out", bare),
            *("--set", "members=1", "--set", "hidden=8", "--set", "steps=25"),
        ).code
        == 0
    )
    said = run("bench", "signpost-v0", "--arms", "rank+permuted", "--critic", bare)
    assert said.code == 2
    assert "--control" in said.err
    assert str(bare) in said.err


def test_play_with_a_scripted_model(run: Run, tmp_path: Path) -> None:
    script = tmp_path / "replies.json"
    script.write_text('["{\\"thought\\": \\"I go left.\\", \\"action\\": \\"left\\"}"]')
    said = run(
        *("play", "signpost-v0", "--arm", f"react@scripted:{script}", "--episodes", 1, "--json")
    )
    assert said.code == 0, said.err
    assert said.json["calls"] == 1.0


def test_bench_takes_several_seeds(run: Run, tmp_path: Path) -> None:
    call = ("bench", "bargaining-v0", "--arms", "heuristic,unguided", "--episodes", 8)
    said = run(*call, "--seeds", "3, 4", "--out", tmp_path, "--json").json
    assert (said["seed"], said["seeds"], said["episodes"]) == (3, [3, 4], 16)
    assert set(said["by_seed"]) == {"3", "4"}
    alone = run(*call, "--seed", 4, "--json").json
    assert alone["arms"]["heuristic"]["mean"] == said["by_seed"]["4"]["arms"]["heuristic"]["mean"]
    assert "each seed and all of them" in (tmp_path / "bench.html").read_text()
    for wrong in ("1,x", "1,1", ",", "-1", "1.5"):
        refused = run(*call, f"--seeds={wrong}")
        assert refused.code == 2
        assert "--seeds" in refused.err


def test_many_at_once_give_the_same_figures(run: Run, tmp_path: Path) -> None:
    call = ("play", "bargaining-v0", "--arm", "heuristic", "--episodes", 12, "--json")
    one, many = run(*call).json, run(*call, "--concurrency", 6, "--out", tmp_path).json
    assert one["mean"] == many["mean"]
    assert one["by_opponent"] == many["by_opponent"]
    bench = ("bench", "bargaining-v0", "--arms", "heuristic", "--episodes", 8, "--json")
    rows = [run(*bench, *more).json["arms"]["heuristic"] for more in ((), ("--concurrency", 4))]
    assert rows[0]["mean"] == rows[1]["mean"]


def test_engines_and_what_goes_with_them(run: Run) -> None:
    for command in (("play", "signpost-v0"), ("bench", "signpost-v0", "--arms", "unguided")):
        unknown = run(*command, "--engine", "rya")
        assert unknown.code == 2
        assert "did you mean 'ray'" in unknown.err
        lonely = run(*command, "--workers", 2)
        assert lonely.code == 2
        assert "--concurrency" in lonely.err
        assert run(*command, "--concurrency", 0).code == 2
    watching = run("play", "signpost-v0", "--watch", "--concurrency", 2)
    assert watching.code == 2
    assert "--watch shows one episode at a time" in watching.err
