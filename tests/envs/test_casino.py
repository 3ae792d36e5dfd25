import os
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest

from forethought.agent.errors import ConfigError, DataError
from forethought.agent.trace import read_traces, write_traces
from forethought.agent.types import Episode, Trace
from forethought.envs import casino_data
from forethought.envs.casino import (
    AGREED,
    GOALS,
    POINT_GOALS,
    SUCCESS_GOAL,
    SUCCESS_POINTS,
    WALKED,
    casino_traces,
    dialogue_traces,
    state_at,
    transcript_at,
    turns_at,
)
from forethought.envs.casino_data import POINTS, Dialogue, load, pack, read_original

ACTIONS = ("Submit-Deal", "Accept-Deal", "Reject-Deal", "Walk-Away")


@pytest.fixture(scope="module")
def traces() -> list[Trace]:
    return casino_traces()


@pytest.fixture(scope="module")
def dialogues() -> dict[int, Dialogue]:
    return {dialogue.id: dialogue for dialogue in load()}


def test_every_dialogue_gives_one_trace_for_each_participant(traces: list[Trace]) -> None:
    assert len(traces) == 2060
    assert len({trace.episode.id for trace in traces}) == 2060
    assert Counter(trace.episode.facts["split"] for trace in traces) == {
        "train": 1800,
        "valid": 60,
        "test": 200,
    }
    assert Counter(trace.episode.seat for trace in traces) == {0: 1030, 1: 1030}


def test_the_success_mark_is_the_median_of_the_training_split(traces: list[Trace]) -> None:
    train = [t.outcome.reward for t in casino_traces(["train"]) if t.outcome]
    assert median(train) == SUCCESS_POINTS
    assert median(t.outcome.reward for t in traces if t.outcome) == SUCCESS_POINTS
    share = sum(t.outcome.success for t in traces if t.outcome) / len(traces)
    assert share == pytest.approx(0.554, abs=0.001)


def test_points_follow_from_the_accepted_deal(dialogues: dict[int, Dialogue]) -> None:
    for d in dialogues.values():
        for seat in (0, 1):
            if d.deal is None:
                assert d.points[seat] == 5
                continue
            got = dict(zip(casino_data.ITEMS, d.deal, strict=True))
            own = (got[i] if seat == 0 else 3 - got[i] for i in d.priorities[seat])
            assert d.points[seat] == sum(n * p for n, p in zip(own, POINTS, strict=True))
    assert sum(d.deal is None for d in dialogues.values()) == 25


def test_one_dialogue_by_hand(dialogues: dict[int, Dialogue]) -> None:
    d = dialogues[256]
    assert d.priorities == (("food", "water", "firewood"), ("water", "food", "firewood"))
    assert d.deal == (2, 1, 2)
    one, two = dialogue_traces(d)
    assert one.outcome
    assert two.outcome
    assert (one.outcome.reward, two.outcome.reward) == (20.0, 17.0)
    assert (one.outcome.success, two.outcome.success) == (True, False)
    assert "I end with at least 20 of 36 points." in one.outcome.reached
    assert "I end with at least 21 of 36 points." in one.outcome.missed
    assert "The other ends with at least 19 of 36 points." in two.outcome.reached
    assert [step.facts["speaks"] for step in one.steps] == [True, False] * 5 + [True, False]
    assert [step.facts["speaks"] for step in two.steps] == [False, True] * 5 + [False, False]
    offer = one.steps[6]
    assert offer.decision.action.startswith("that sound good. 🙂 So I'll have 2 foods, 1 water and")
    assert "settle top 2, settle middle 1, settle bottom 2" in offer.decision.candidate.thought
    assert "settle about 20 points" in offer.decision.candidate.thought
    assert (
        "table top 2, table middle 1, table bottom 2; table about 20 points" in one.steps[7].state
    )
    assert (
        "table top 2, table middle 1, table bottom 1; table about 17 points" in two.steps[7].state
    )
    assert "They would leave me: left top 2" in two.steps[7].state


def test_all_steps_listen_or_speak_in_turn_and_the_last_one_listens(traces: list[Trace]) -> None:
    for trace in traces:
        speaks = [step.facts["speaks"] for step in trace.steps]
        assert not speaks[-1]
        assert all(one != other for one, other in pairwise(speaks[:-1]))
        assert [step.facts["turns"] for step in trace.steps] == list(range(len(trace.steps)))
        for step in trace.steps:
            assert bool(step.decision.action) == step.facts["speaks"]
            assert bool(step.decision.candidate.thought) == step.facts["speaks"]


def test_both_seats_tell_the_same_dialogue(traces: list[Trace]) -> None:
    for one, two in zip(traces[::2], traces[1::2], strict=True):
        assert one.episode.instance == two.episode.instance
        assert len(one.steps) == len(two.steps)
        for mine, theirs in zip(one.steps[:-1], two.steps[:-1], strict=True):
            assert mine.facts["speaks"] != theirs.facts["speaks"]
        heard = [step.observation for step in one.steps[1:]]
        assert heard == [step.observation for step in two.steps[1:]]
        said = {0: one, 1: two}
        for turn, text in enumerate(heard):
            assert text in {said[s].steps[turn].decision.action for s in (0, 1)}


def test_a_state_depends_on_nothing_but_own_priorities_and_what_was_said(
    dialogues: dict[int, Dialogue],
) -> None:
    for d in list(dialogues.values())[::10]:
        for seat in (0, 1):
            full = dialogue_traces(d)[seat]
            half = len(d.turns) // 2
            high, medium, low = d.priorities[1 - seat]
            swapped = (low, high, medium)
            other = replace(
                d,
                priorities=(d.priorities[0], swapped) if seat == 0 else (swapped, d.priorities[1]),
                turns=d.turns[:half],
                points=(5, 36),
                deal=None,
                submitted=(0, 0, 0),
            )
            cut = dialogue_traces(other)[seat]
            assert [s.state for s in cut.steps] == [s.state for s in full.steps[: half + 1]]
            for mine, theirs in zip(cut.steps[:-1], full.steps, strict=False):
                assert mine.decision == theirs.decision


def test_no_deal_action_is_left_in_any_text(traces: list[Trace]) -> None:
    for trace in traces:
        for step in trace.steps:
            text = step.state + step.decision.candidate.thought + step.decision.action
            assert not any(action in text + step.observation for action in ACTIONS)


def test_a_dialogue_is_cut_at_the_first_deal_even_when_it_was_rejected(
    dialogues: dict[int, Dialogue],
) -> None:
    rejected = [d for d in dialogues.values() if d.submitted is not None and d.deal != d.submitted]
    assert len(rejected) > 50
    for d in rejected:
        assert len(dialogue_traces(d)[0].steps) == len(d.turns) + 1


def test_the_outcome_vocabulary_is_told_whole(traces: list[Trace]) -> None:
    texts = {goal.text for goal in GOALS}
    assert len(texts) == len(GOALS)
    assert SUCCESS_GOAL in POINT_GOALS
    for trace in traces:
        assert trace.outcome
        assert {*trace.outcome.reached, *trace.outcome.missed} == texts
        assert not {*trace.outcome.reached} & {*trace.outcome.missed}
        assert (SUCCESS_GOAL.text in trace.outcome.reached) == trace.outcome.success
        walked = not trace.outcome.facts["agreed"]
        assert (WALKED.text in trace.outcome.reached) == walked
        assert (AGREED.text in trace.outcome.missed) == walked


def test_traces_survive_writing_and_reading(tmp_path: Path, traces: list[Trace]) -> None:
    some = traces[::41]
    write_traces(tmp_path / "traces.jsonl", some)
    assert read_traces(tmp_path).traces == some


def test_a_share_of_the_dialogue_is_a_number_of_utterances(traces: list[Trace]) -> None:
    assert [turns_at(12, share) for share in (0.0, 0.25, 0.5, 0.75, 1.0)] == [0, 3, 6, 9, 12]
    assert [turns_at(11, share) for share in (0.25, 0.5, 0.75, 1.0)] == [3, 6, 9, 11]
    assert turns_at(10, 0.1 + 0.2) == 3
    trace = traces[0]
    assert state_at(trace, 1.0) == trace.steps[-1].state
    assert state_at(trace, 0.5).startswith("My top item is")


def test_a_transcript_holds_what_was_said_so_far_and_by_whom(
    dialogues: dict[int, Dialogue],
) -> None:
    d = dialogues[256]
    one, two = dialogue_traces(d)
    lines = transcript_at(one, 0.25).split("\n")
    assert lines[0] == "My top item is food (5 points each), middle water (4), bottom firewood (3)."
    assert lines[1:] == [f"me: {d.turns[0]}", f"you: {d.turns[1]}", f"me: {d.turns[2]}"]
    assert transcript_at(two, 1.0).split("\n")[1] == f"you: {d.turns[0]}"
    assert len(transcript_at(two, 1.0).split("\n")) == len(d.turns) + 1
    assert transcript_at(two, 0.0).startswith("My top item is water")


def test_shares_outside_the_dialogue_and_foreign_traces_are_refused(traces: list[Trace]) -> None:
    with pytest.raises(ConfigError, match=r"must lie in \[0, 1\], not 1.5"):
        state_at(traces[0], 1.5)
    foreign = replace(traces[0], episode=Episode("a", "bargaining-v0"))
    with pytest.raises(DataError, match="not one of the casino data set"):
        state_at(foreign, 0.5)
    with pytest.raises(DataError, match="not one of the casino data set"):
        transcript_at(replace(foreign, steps=()), 1.0)


def test_packing_is_repeatable_and_small() -> None:
    packed = pack(load())
    assert packed == pack(load())
    assert len(packed) < 700_000


def test_a_damaged_file_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    shipped = (Path(casino_data.__file__).parent / "data/casino.json.gz").read_bytes()
    (tmp_path / "data/casino.json.gz").write_bytes(shipped[:1000])
    monkeypatch.setattr("importlib.resources.files", lambda package: tmp_path)
    with pytest.raises(DataError, match=r"casino\.json\.gz is damaged"):
        load()


def test_a_folder_without_the_originals_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read .*casino_train\.json"):
        read_original(tmp_path)
    (tmp_path / "casino_train.json").write_text('[{"dialogue_id": 1}]')
    with pytest.raises(DataError, match="is not a CaSiNo file"):
        read_original(tmp_path)


def test_the_shipped_file_equals_the_original_release() -> None:
    folder = os.environ.get("FORETHOUGHT_DATA")
    if folder is None or not (Path(folder) / "casino" / "casino_train.json").exists():
        pytest.skip("FORETHOUGHT_DATA names no folder with casino/casino_train.json")
    assert read_original(Path(folder) / "casino") == load()
