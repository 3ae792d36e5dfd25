import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forethought.agent.arms import Arm, build_planner
from forethought.agent.critics import ScriptedCritic
from forethought.agent.errors import ConfigError, UnknownName
from forethought.agent.planners.bot import BotPlanner, Unguided
from forethought.agent.types import Candidate, Observation

HEAD = ScriptedCritic({}, name="head")


def bot(observation: Observation, rng: random.Random) -> Candidate:
    return Candidate("t", action="a")


@pytest.mark.parametrize(
    ("text", "arm"),
    [
        ("react", Arm("react")),
        ("heuristic", Arm("heuristic")),
        ("rank+permuted", Arm("rank", "permuted")),
        ("rank+permuted@gguf:a+b/FILE", Arm("rank", "permuted", "gguf:a+b/FILE")),
        ("refine@openai:n@http://h/v1", Arm("refine", None, "openai:n@http://h/v1")),
    ],
)
def test_the_grammar(text: str, arm: Arm) -> None:
    assert Arm.parse(text) == arm
    assert str(arm) == text


@pytest.mark.parametrize(
    "text", ["", "+head", "rank+", "rank+head+shuffled", "@m", "rank@", "rank @m", "Rank", "a,b"]
)
def test_what_does_not_follow_the_grammar_is_told_it(text: str) -> None:
    with pytest.raises(ConfigError, match="planner\\[\\+critic\\]\\[@model\\]"):
        Arm.parse(text)


def test_unknown_names() -> None:
    with pytest.raises(UnknownName, match="did you mean 'shuffled'"):
        Arm.parse("rank+shufled")
    with pytest.raises(UnknownName, match="did you mean 'refine'"):
        build_planner(Arm.parse("refin"), critics={"head": HEAD})
    with pytest.raises(UnknownName, match="heuristic"):
        build_planner(Arm.parse("heuristik"), bots={"heuristic": bot})


@pytest.mark.parametrize("text", ["react+head", "heuristic+head", "unguided+shuffled"])
def test_a_planner_that_asks_no_critic_takes_none(text: str) -> None:
    with pytest.raises(ConfigError, match="asks no critic"):
        Arm.parse(text)


@given(st.text(max_size=30))
def test_any_text_is_an_arm_or_a_clear_error(text: str) -> None:
    try:
        arm = Arm.parse(text)
    except (ConfigError, UnknownName) as error:
        message = str(error).replace(repr(text), "")
        if "\n" in message:
            pytest.fail(f"more than one line: {message}")
    else:
        assert Arm.parse(str(arm)) == arm


def test_what_an_arm_needs() -> None:
    rank, react = Arm.parse("rank"), Arm.parse("react")
    assert (rank.needs_critic, rank.critic_name, rank.needs_model) == (True, "head", False)
    assert (react.needs_critic, react.critic_name, react.needs_model) == (False, None, True)
    assert Arm.parse("rank+shuffled").critic_name == "shuffled"
    assert not Arm.parse("heuristic").needs_model


async def test_critics_are_rows() -> None:
    permuted = ScriptedCritic({}, name="permuted")
    heads = {"head": HEAD, "permuted": permuted}
    for text in (
        "rank",
        "rank+head",
        "rank+permuted",
        "rank+shuffled",
        "refine",
        "refine+shuffled",
    ):
        planner = build_planner(Arm.parse(text), critics=heads)
        assert planner.name == text.partition("+")[0]
    with pytest.raises(ConfigError, match="needs the critic 'permuted'; given: head"):
        build_planner(Arm.parse("rank+permuted"), critics={"head": HEAD})
    with pytest.raises(ConfigError, match="needs the critic 'head'; given: none"):
        build_planner(Arm.parse("rank+shuffled"))


def test_a_bot_goes_before_a_planner_of_its_name() -> None:
    assert isinstance(build_planner(Arm("unguided")), Unguided)
    assert isinstance(build_planner(Arm("unguided"), bots={"unguided": bot}), BotPlanner)
