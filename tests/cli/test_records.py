import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from forethought.agent.budget import Budget
from forethought.agent.loop import run_episode
from forethought.agent.planners.bot import BotPlanner
from forethought.agent.trace import TraceWriter, read_traces, write_traces
from forethought.agent.types import Episode, Outcome, Trace
from forethought.envs.registry import get_world

Run = Any
AGREE = "I agree to your offer."


@pytest.fixture
def played(run: Run, tmp_path: Path) -> Path:
    """A run of three bargaining episodes, the last two of them unfinished."""
    folder = tmp_path / "logs"
    run("play", "bargaining-v0", "--arm", "heuristic", "--episodes", 3, "--out", folder)
    whole = read_traces(folder).traces
    (folder / "traces.jsonl").unlink()
    with TraceWriter(folder / "traces.jsonl") as writer:
        writer.write(whole[0])
        for trace in whole[1:]:
            writer.write(Trace(trace.episode, trace.steps[:2]))
    return folder


def test_resume_ends_all_that_is_unfinished_in_the_same_file(run: Run, played: Path) -> None:
    said = run("resume", played, "--json")
    assert said.code == 0, said.err
    assert said.json["traces"] == str(played / "traces.jsonl")
    assert [row["reason"] for row in said.json["episodes"]] == ["terminated"] * 2
    assert all(row["arm"] == "heuristic" for row in said.json["episodes"])
    found = read_traces(played)
    assert (len(found.traces), found.open) == (3, [])
    assert all(t.outcome is not None and t.outcome.reached for t in found.traces)
    again = run("resume", played)
    assert again.code == 2
    assert "every episode in" in again.err
    assert "forethought fork" in again.err


def test_resume_of_one_into_another_folder_leaves_the_record_alone(
    run: Run, played: Path, tmp_path: Path
) -> None:
    before = (played / "traces.jsonl").read_bytes()
    chosen = read_traces(played).open[1]
    said = run("resume", played, "--episode", chosen.episode.id, "--out", tmp_path / "more")
    assert said.code == 0, said.err
    assert "2 ->" in said.out
    assert (played / "traces.jsonl").read_bytes() == before
    (whole,) = read_traces(tmp_path / "more").traces
    assert whole.episode.id == chosen.episode.id
    assert whole.steps[:2] == chosen.steps


def test_resume_with_another_arm_and_a_head(run: Run, kept: Path, tmp_path: Path) -> None:
    episode = Episode("s1", "signpost-v0", instance=4, arm="unguided")
    write_traces(tmp_path / "traces.jsonl", [Trace(episode)])
    said = run("resume", tmp_path, "--arm", "rank", "--critic", kept / "head", "--json")
    assert said.code == 0, said.err
    (row,) = said.json["episodes"]
    assert (row["arm"], row["reward"], row["resumed_at"]) == ("rank", 1.0, 0)


def test_what_a_budget_or_an_error_stopped_is_resumed_with_the_models_of_the_record(
    run: Run, tmp_path: Path
) -> None:
    script = tmp_path / "replies.json"
    script.write_text('["{\\"thought\\": \\"I go left.\\", \\"action\\": \\"left\\"}"]')
    episode = Episode("s1", "signpost-v0", arm="react", model=f"scripted:{script}")
    stopped = Trace(episode, (), Outcome(0.0, False, "error: the server went away"))
    write_traces(tmp_path / "traces.jsonl", [stopped])
    said = run("resume", tmp_path, "--json")
    assert said.code == 0, said.err
    (row,) = said.json["episodes"]
    assert (row["steps"], row["calls"], row["reason"]) == (1, 1, "terminated")
    assert row["model"] == f"scripted:{script}"


def test_resumed_in_vain_is_a_failed_run_that_can_be_resumed_again(
    run: Run, tmp_path: Path
) -> None:
    episode = Episode("s1", "signpost-v0", arm="react", model="openai:x@http://127.0.0.1:9/v1")
    write_traces(tmp_path / "traces.jsonl", [Trace(episode)])
    said = run("resume", tmp_path, "--json")
    assert (said.code, said.out) == (1, "")
    assert "the episode failed again: " in said.err
    assert str(tmp_path / "traces.jsonl") in said.err
    (trace,) = read_traces(tmp_path).traces
    assert trace.outcome is not None
    assert trace.outcome.pending.startswith("The sign is")
    other = run("resume", tmp_path, "--arm", "unguided")
    assert other.code == 0, other.err
    assert [t.outcome.reason for t in read_traces(tmp_path).traces if t.outcome] == ["terminated"]


def test_fork_shows_both_ends_side_by_side(run: Run, played: Path, tmp_path: Path) -> None:
    original = read_traces(played).traces[0]
    call = (
        *("fork", played, "--episode", original.episode.id, "--step", 1),
        *("--action", AGREE, "--out", tmp_path / "forks"),
    )
    said = run(*call)
    assert said.code == 0, said.err
    assert "step 1 changed" in said.out
    assert AGREE in said.out
    shown = run(*call, "--json").json
    assert shown["original"]["action"] == original.steps[1].decision.action
    assert (shown["forked"]["action"], shown["forked"]["steps"]) == (AGREE, 2)
    assert shown["forked"]["thought"].startswith("I agree now")
    (forked,) = read_traces(tmp_path / "forks").traces
    assert forked.episode.facts == {"forked_from": original.episode.id, "forked_at": 1}
    assert forked.steps[:1] == original.steps[:1]
    by_thought = run(*call[:6], "--thought", shown["forked"]["thought"], *call[8:], "--json").json
    assert by_thought["forked"]["action"] == AGREE
    assert len(read_traces(tmp_path / "forks").traces) == 2


def test_fork_where_an_episode_waits_for_a_decision(run: Run, played: Path, tmp_path: Path) -> None:
    waiting = read_traces(played).open[0]
    call = (
        *("fork", played, "--episode", waiting.episode.id, "--step", 2),
        *("--action", AGREE, "--out", tmp_path / "f"),
    )
    shown = run(*call, "--json").json
    assert shown["original"]["action"] is None
    assert shown["forked"]["steps"] == 3
    assert "(waits for a decision)" in run(*call).out


def test_a_model_may_word_the_thought_of_a_fork(run: Run, kept: Path, tmp_path: Path) -> None:
    script = tmp_path / "replies.json"
    script.write_text(json.dumps({"act": ["left"]}))
    chosen = read_traces(kept / "signs").traces[0].episode.id
    said = run(
        *("fork", kept / "signs", "--episode", chosen, "--step", 0, "--thought", "Leftwards."),
        *("--model", f"scripted:{script}", "--out", tmp_path / "f", "--json"),
    )
    assert said.code == 0, said.err
    assert said.json["forked"]["action"] == "left"
    assert said.json["forked"]["calls"] == 1


WRONG = [
    ("resume nowhere", "cannot read nowhere"),
    ("resume logs --episode x", "holds no episode 'x'"),
    ("resume logs --arm rnak", "did you mean 'rank'"),
    ("resume logs --arm react", "needs a model"),
    ("resume logs --out logs/traces.jsonl", "is a file"),
    ("fork logs --step 0 --action x --out f", "choose one with --episode ID"),
    ("fork logs --step -1 --action x --out f", "--step"),
    ("fork logs --action x --out f", "Missing option '--step'"),
    ("fork logs --step 0 --action x", "Missing option '--out'"),
    ("fork logs --episode {id} --step 99 --action x --out f", "has no step 99"),
    ("fork logs --episode {id} --step 0 --out f", "another thought or another action"),
    ("fork logs --episode {id} --step 0 --action x --out f", "does not accept 'x'"),
    ("fork logs --episode {id} --step 0 --thought x --out f", "no one action for the thought"),
]


@pytest.mark.parametrize(("line", "words"), WRONG)
def test_a_mistake_is_one_line_and_changes_nothing(
    run: Run, played: Path, monkeypatch: pytest.MonkeyPatch, line: str, words: str
) -> None:
    monkeypatch.chdir(played.parent)
    before = (played / "traces.jsonl").read_bytes()
    name = read_traces(played).traces[0].episode.id
    said = run(*line.format(id=name).split())
    assert (said.code, said.out) == (2, "")
    assert words in said.err
    assert said.err.count("\n") == 1
    assert (played / "traces.jsonl").read_bytes() == before
    assert not list(played.parent.glob("f/*.jsonl")) or not read_traces("f", empty_ok=True).traces


def test_a_world_without_an_id_is_left_to_python(run: Run, tmp_path: Path) -> None:
    write_traces(tmp_path / "traces.jsonl", [Trace(Episode("q", "tool-task", arm="react"))])
    said = run("resume", tmp_path)
    assert said.code == 2
    assert "resume_episode and fork_episode go on with it from Python" in said.err
    write_traces(tmp_path / "b" / "traces.jsonl", [Trace(Episode("q", "signpost-v0"))])
    assert "names no arm; add --arm A" in run("resume", tmp_path / "b").err


def test_a_world_that_changed_is_told_and_nothing_is_written(run: Run, played: Path) -> None:
    file = played / "traces.jsonl"
    text = file.read_text().replace("divide", "share out")
    file.write_text(text)
    said = run("resume", played)
    assert said.code == 2
    assert "step 0: the world shows" in said.err
    assert file.read_text() == text


def test_a_budget_of_python_can_be_resumed_by_the_command(run: Run, tmp_path: Path) -> None:
    world = get_world("bargaining-v0")
    episode = Episode("b1", world.id, seed=3, instance=11, opponent="boulware", arm="heuristic")
    with TraceWriter(tmp_path / "traces.jsonl") as writer:
        asyncio.run(
            run_episode(
                world.make(),
                BotPlanner("heuristic", world.bots["heuristic"]),
                episode=episode,
                budget=Budget(steps=2),
                writer=writer,
            )
        )
    said = run("resume", tmp_path, "--json")
    assert said.json["episodes"][0]["resumed_at"] == 2
    assert said.json["episodes"][0]["success"] is True
