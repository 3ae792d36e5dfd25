import os
from pathlib import Path

import pytest

from forethought.agent.errors import ConfigError, DataError
from forethought.agent.trace import read_traces, write_traces
from forethought.agent.types import Trace
from forethought.envs.casino import casino_traces
from forethought.envs.people import PEOPLE
from forethought.envs.persuasion.acts import acts, dollars
from forethought.envs.persuasion.data import Talk, Turn, read_talks
from forethought.envs.persuasion.text import level, state_texts
from forethought.envs.persuasion.traces import (
    DONATED,
    GOALS,
    REFUSED,
    persuasion_traces,
    talk_trace,
    transcript_at,
)

SAID = (
    "Hello, would you like to donate to charity?",
    "Yes, I will give $0.50 of it.",
    "Thank you!",
    "I can't afford more, sorry.",
)
TALK = Talk("one", tuple(Turn(n % 2, text) for n, text in enumerate(SAID)), 0.5)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "persuasion_for_good"
    place.mkdir()
    rows = [f'{n},"{text}",{n // 2},{n % 2},one' for n, text in enumerate(SAID)]
    (place / "full_dialog.csv").write_text("\n".join([",Unit,Turn,B4,B2", *rows]) + "\n")
    (place / "full_info.csv").write_text("B2,B4,B6\none,0,9.0\none,1,0.5\n")
    return place


def test_a_dialogue_is_the_persuaders_trace() -> None:
    trace = talk_trace(TALK)
    assert [step.facts["speaks"] for step in trace.steps] == [True, False, True, False, False]
    assert [step.facts["turns"] for step in trace.steps] == [0, 1, 2, 3, 4]
    assert [step.decision.candidate.thought for step in trace.steps] == [
        SAID[0],
        "",
        SAID[2],
        "",
        "",
    ]
    assert [step.observation for step in trace.steps] == ["", *SAID]
    assert trace.outcome is not None
    assert trace.outcome.success
    assert trace.outcome.reward == 0.5
    assert DONATED.text in trace.outcome.reached
    assert "The other donates at least 0.5 dollars." in trace.outcome.reached
    assert "The other donates at least 1 dollars." in trace.outcome.missed
    assert REFUSED.text in trace.outcome.missed
    assert REFUSED.kind == "feared"
    assert {*trace.outcome.reached, *trace.outcome.missed} == {goal.text for goal in GOALS}


def test_nothing_given_is_no_success_and_a_fortune_is_capped() -> None:
    nothing = talk_trace(Talk("a", TALK.turns, 0.0)).outcome
    fortune = talk_trace(Talk("b", TALK.turns, 700.0)).outcome
    assert nothing is not None
    assert fortune is not None
    assert not nothing.success
    assert nothing.reached == (REFUSED.text,)
    assert fortune.reward == 2.0


def test_states_depend_on_nothing_but_what_was_said_so_far() -> None:
    whole = state_texts(TALK.turns)
    for heard in range(len(TALK.turns) + 1):
        assert state_texts(TALK.turns[:heard]) == whole[: heard + 1]
    poor = talk_trace(Talk("one", TALK.turns, 0.0))
    assert [step.state for step in poor.steps] == [s.state for s in talk_trace(TALK).steps]


def test_a_state_counts_acts_names_sums_and_holds_the_talk() -> None:
    start, *_, last = state_texts(TALK.turns)
    assert start.startswith("Turns heard 0.\nme silent.")
    assert "Nothing was asked for." in start
    assert "you promise 1" in last
    assert "you sums 1; you sum level 2" in last
    assert "you poor 1" in last
    assert "asked times 1; answer yes 1; answer no 0; answer offer 1" in last
    assert "answer sum 1" in last
    assert last.endswith(f"me: {SAID[2]}\nyou: {SAID[3]}")


@pytest.mark.parametrize(
    ("text", "sums"),
    [
        ("I can give $1.50 now", (1.5,)),
        ("maybe 50 cents, or a dollar", (0.5, 1.0)),
        ("five cents", (0.05,)),
        ("zero dollars", (0.0,)),
        ("my whole payment", (2.0,)),
        ("half of my payment", (1.0,)),
        ("$.25", (0.25,)),
        ("0.30 is fine", (0.3,)),
        ("I have 2 children", ()),
        ("", ()),
    ],
)
def test_sums_are_read(text: str, sums: tuple[float, ...]) -> None:
    assert dollars(text) == pytest.approx(sums)


def test_acts_are_read() -> None:
    assert {"yes", "promise", "offer"} <= acts("Sure, I'll donate a little")
    assert {"no", "refuse", "later"} <= acts("I am not able to give, maybe next time")
    assert {"question", "price", "ask"} <= acts("How much would you give?")
    assert "no" in acts("I can\u2019t")
    assert not acts("")


def test_levels_of_a_sum() -> None:
    assert [level(x) for x in (0, 0.1, 0.5, 1, 2, 50)] == [0, 1, 2, 3, 4, 5]


def test_a_transcript_ends_at_a_share() -> None:
    trace = talk_trace(TALK)
    assert transcript_at(trace, 0.5).split("\n") == [f"me: {SAID[0]}", f"you: {SAID[1]}"]
    assert transcript_at(trace, 0.0) == ""
    assert len(transcript_at(trace, 1.0).split("\n")) == 4
    with pytest.raises(ConfigError, match="must lie in"):
        transcript_at(trace, 1.1)
    with pytest.raises(DataError, match="not one of the persuasion data set"):
        transcript_at(casino_traces(["valid"])[0], 0.5)


def test_files_are_read_and_traces_survive(folder: Path, tmp_path: Path) -> None:
    assert read_talks(folder) == (TALK,)
    traces = persuasion_traces(folder)
    write_traces(tmp_path / "traces.jsonl", traces)
    assert read_traces(tmp_path / "traces.jsonl").traces == traces


def test_the_folder_is_found_by_its_variable(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORETHOUGHT_DATA", str(folder.parent))
    assert PEOPLE["persuasion"].traces() == persuasion_traces(folder)
    monkeypatch.setenv("FORETHOUGHT_DATA", str(folder))
    with pytest.raises(ConfigError, match="holds no folder persuasion_for_good"):
        read_talks()
    monkeypatch.delenv("FORETHOUGHT_DATA")
    with pytest.raises(ConfigError, match="set FORETHOUGHT_DATA"):
        read_talks()


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("full_info.csv", "B2,B4,B6\none,0,1\n", "dialogue one has no donation"),
        ("full_info.csv", "B2,B4,B6\none,1,much\n", "the donation 'much' is no number"),
        ("full_info.csv", "B2,B4,B6\none,1,-1\n", "-1 dollars cannot be"),
        ("full_info.csv", "B2,B4\none,1\n", "columns B2, B4, B6 are needed"),
        ("full_dialog.csv", ",Unit,Turn,B4,B2\n0,hi,0,7,one\n", "B4 being 0 or 1"),
        ("full_dialog.csv", ",Unit,Turn,B4,B2\n", "no dialogue in the files"),
    ],
)
def test_a_file_of_another_form_is_refused(folder: Path, file: str, text: str, said: str) -> None:
    (folder / file).write_text(text)
    with pytest.raises(DataError, match=said):
        read_talks(folder)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "full_info.csv").unlink()
    with pytest.raises(DataError, match=r"cannot read .*full_info.csv: No such file"):
        read_talks(folder)


@pytest.fixture(scope="module")
def released() -> list[Trace]:
    root = os.environ.get("FORETHOUGHT_DATA")
    if not root or not (Path(root) / "persuasion_for_good/full_dialog.csv").is_file():
        pytest.skip("FORETHOUGHT_DATA names no folder with persuasion_for_good/full_dialog.csv")
    return persuasion_traces(Path(root) / "persuasion_for_good")


def test_the_release_has_its_known_figures(released: list[Trace]) -> None:
    assert len(released) == 1017
    outcomes = [trace.outcome for trace in released if trace.outcome is not None]
    assert sum(outcome.success for outcome in outcomes) / 1017 == pytest.approx(0.536, abs=0.001)
    assert sum(outcome.reward for outcome in outcomes) / 1017 == pytest.approx(0.41, abs=0.005)
    assert len({trace.episode.facts["group"] for trace in released}) == 1017
