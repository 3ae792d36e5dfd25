import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forethought.agent.arms import Arm, build_planner
from forethought.agent.critics import ScriptedCritic
from forethought.agent.errors import ConfigError, UnknownName
from forethought.agent.planners.bot import BotPlanner, Unguided
from forethought.agent.protocols import Turn
from forethought.agent.types import Candidate, Goal, Observation

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
        ("best-of-n", Arm("best-of-n")),
        ("tree:100", Arm("tree", number=100)),
        ("refine:2+shuffled@gguf:a:b", Arm("refine", "shuffled", "gguf:a:b", 2)),
    ],
)
def test_the_grammar(text: str, arm: Arm) -> None:
    assert Arm.parse(text) == arm
    assert str(arm) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+head",
        "rank+",
        "rank+head+shuffled",
        "@m",
        "rank@",
        "rank @m",
        "Rank",
        "a,b",
        "tree:",
        "tree:0",
        "tree:-1",
        "tree:1.5",
        "tree:08",
        "tree:3:4",
        "tree:99999999",
        ":3",
    ],
)
def test_what_does_not_follow_the_grammar_is_told_it(text: str) -> None:
    with pytest.raises(ConfigError, match="planner\\[:N\\]\\[\\+critic\\]\\[@model\\]"):
        Arm.parse(text)


def test_unknown_names() -> None:
    with pytest.raises(UnknownName, match="did you mean 'shuffled'"):
        Arm.parse("rank+shufled")
    with pytest.raises(UnknownName, match="did you mean 'head'"):
        Arm.parse("rank+head:3")
    with pytest.raises(UnknownName, match="did you mean 'refine'"):
        build_planner(Arm.parse("refin"), critics={"head": HEAD})
    with pytest.raises(UnknownName, match="heuristic"):
        build_planner(Arm.parse("heuristik"), bots={"heuristic": bot})


@pytest.mark.parametrize("text", ["react+head", "heuristic+head", "unguided+shuffled"])
def test_a_planner_that_asks_no_critic_takes_none(text: str) -> None:
    with pytest.raises(ConfigError, match="asks no critic"):
        Arm.parse(text)


@pytest.mark.parametrize("text", ["react:2", "reflexion:2", "unguided:2", "heuristic:2"])
def test_a_planner_without_a_number_takes_none(text: str) -> None:
    with pytest.raises(ConfigError, match="has no number; leave out :N"):
        Arm.parse(text)
    with pytest.raises(ConfigError, match="must be 1 or more"):
        Arm("tree", number=0)


@pytest.mark.parametrize(
    ("text", "weighed"), [("best-of-n:3", 3), ("best-of-n", 8), ("rank:3", 12), ("tree:3", 12)]
)
async def test_the_number_is_the_planners_own(text: str, weighed: int) -> None:
    planner = build_planner(Arm.parse(text), critics={"head": ScriptedCritic(lambda *_: 0.5)})
    offered = tuple(Candidate(f"I take {n}.", action=str(n)) for n in range(12))
    seen = Observation("Choose.", candidates=offered, goals=(Goal("I win."),))
    decision = await planner.decide(Turn(seen, "s", None, random.Random(0)))
    assert decision.weighed == weighed
    assert decision.planner == text.partition(":")[0]
    if text == "tree:3":
        assert decision.search[0].visits == 3


PARTS = st.tuples(
    st.sampled_from(["rank", "tree", "best-of-n", "refine"]),
    st.none() | st.sampled_from(["head", "permuted", "shuffled"]),
    st.none() | st.text(min_size=1, max_size=9).map(str.strip).filter(bool),
    st.none() | st.integers(1, 9_999_999),
)


@given(PARTS.map(lambda parts: Arm(*parts)))
def test_every_arm_is_read_back(arm: Arm) -> None:
    assert Arm.parse(str(arm)) == arm


@given(st.text(max_size=30) | st.from_regex(r"[a-z-]{1,6}:[0-9-]{0,4}[+@]?[a-z]*", fullmatch=True))
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
