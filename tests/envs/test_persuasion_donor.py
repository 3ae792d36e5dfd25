import asyncio
import copy
import random
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

import pytest

from forethought.agent.errors import ConfigError, UnknownName
from forethought.agent.planners.bot import BotPlanner
from forethought.agent.types import Candidate, Goal, Observation, Outcome
from forethought.envs.check import check_environment, shown
from forethought.envs.persuasion.donors import (
    OBJECTION_SHARES,
    PURSE_SHARES,
    TEMPERS,
    TRAINING,
    donor_by_number,
    quirks_by_split,
)
from forethought.envs.persuasion.policies import heuristic, people, unguided
from forethought.envs.persuasion.rules import (
    ACTS,
    APPEALS,
    CLOSE,
    LEVELS,
    OBJECTIONS,
    OPENS_UP,
    Donor,
    Talk,
)
from forethought.envs.persuasion.strategies import FAMILIES, strategies
from forethought.envs.persuasion.view import GOALS, LABEL, NOTHING, parse_action
from forethought.envs.persuasion.words import ACTIONS
from forethought.envs.persuasion.world import WORLD, Persuasion
from forethought.envs.registry import Bot
from forethought.envs.rollouts import plan, play

DONOR = Donor(dict.fromkeys(APPEALS, 2), 2, "doubt", resistance=4, purse=4, keeps=True)
OPEN = replace(DONOR, objection="none")


def done(donor: Donor, *acts: str) -> tuple[Talk, list[tuple[str, int]]]:
    talk = Talk(donor)
    return talk, [talk.act(act) for act in acts]


def under_other_donors(env: Persuasion) -> list[str]:
    """What would be shown before another donor, all that was said and heard being the same."""
    told = []
    for other in (
        replace(DONOR, objection="money", resistance=9, purse=1, keeps=False),
        replace(DONOR, likes=dict.fromkeys(APPEALS, -1), patience=9),
    ):
        twin = copy.copy(env)
        assert env._talk is not None
        twin._talk = replace(env._talk, donor=other)
        told.append(shown(*twin._show(twin._talk)))
    return told


def test_the_world_keeps_its_contract_and_its_secrets() -> None:
    options = [{"opponent": name} for name in TEMPERS]
    check_environment(Persuasion, episodes=12, options=options, secrets=under_other_donors)


def test_everything_it_shows_or_records_says_that_it_is_simulated() -> None:
    episodes = plan(WORLD, split="train", episodes=8, seed=0)
    for trace in asyncio.run(play(WORLD, BotPlanner("people", people), episodes)):
        assert trace.outcome is not None
        assert trace.outcome.facts["simulated"] is True
        for step in trace.steps:
            assert step.facts["simulated"] is True
            assert step.observation.startswith(LABEL)
            assert step.state.startswith("Simulated donor.")
        assert all("simulated" in goal.text for goal in trace.episode.goals)
    text, info = Persuasion().reset(seed=1)
    assert "simulation" in info["rules"]
    assert "not a person" in info["rules"]
    assert LABEL in text


def test_an_appeal_is_worth_less_each_time() -> None:
    talk, moves = done(OPEN, "logic", "logic", "logic")
    assert moves == [("heard", 2), ("heard", 1), ("heard", -1)]
    assert talk.willingness == 2


def test_an_ask_brings_the_objection_up_and_what_fits_settles_it() -> None:
    talk, moves = done(DONOR, "ask half", "emotion", "credibility", "emotion", "ask little")
    assert moves == [
        ("objected", -1),
        ("heard", 0),
        ("settled", 3),
        ("heard", 1),
        ("refused", -1),
    ]
    assert talk.settled
    assert not talk.objecting


def test_opening_up_costs_nothing_and_an_open_objection_keeps_the_purse_shut() -> None:
    eager = replace(DONOR, resistance=0)
    talk, moves = done(eager, OPENS_UP)
    assert moves == [("objected", 2)]
    assert talk.gift == 0
    talk.act("information")
    assert talk.gift > 0


def test_promises_need_more_for_more_and_a_purse() -> None:
    talk, moves = done(OPEN, "logic", "story", "ask little", "ask half", "emotion", "ask half")
    assert [move[0] for move in moves[2:]] == ["promised", "refused", "heard", "left"]
    assert talk.left
    assert talk.over
    assert talk.gift == 2
    rich, moves = done(OPEN, "logic", "story", "emotion", "example", "ask half", "ask all")
    assert [move[0] for move in moves[4:]] == ["promised", "less"]
    assert rich.gift == OPEN.purse
    faithless, _ = done(replace(OPEN, keeps=False), "logic", "story", "emotion", "ask half")
    assert faithless.gift == 2


def test_a_talk_ends_by_turns_and_by_closing() -> None:
    talk, _ = done(OPEN, *["greet"] * 10)
    assert talk.over
    with pytest.raises(ConfigError, match="is over"):
        talk.act("greet")
    closed, moves = done(OPEN, CLOSE)
    assert moves == [("closed", 0)]
    assert closed.over
    assert not closed.left
    with pytest.raises(ConfigError, match="no act 'sing'"):
        Talk(OPEN).act("sing")


def test_actions_are_read_back() -> None:
    assert set(ACTIONS) == set(ACTS) == set(FAMILIES)
    for act, action in ACTIONS.items():
        assert parse_action(action) == act
        assert parse_action(f"  {action.upper()} ") == act
    with pytest.raises(ValueError, match="one of the listed sentences"):
        parse_action("Give me money!")


@pytest.mark.parametrize(
    ("text", "families"),
    [
        ("Hello, have you heard of Save the Children?", {"greet", "source inquiry"}),
        ("Would you be willing to give $2.00 today?", {"ask all"}),
        ("Would you donate one dollar?", {"ask half"}),
        ("Could you spare a few cents?", {"ask little"}),
        ("Have you ever donated to a charity before?", {"task inquiry"}),
        ("I'm going to donate half of mine", {"example"}),
        ("Children there are starving", {"emotion"}),
        ("okay", set()),
    ],
)
def test_strategies_are_read(text: str, families: set[str]) -> None:
    assert strategies(text) == families


def test_donors_are_as_frequent_as_they_were_counted_and_quirks_keep_to_their_split() -> None:
    donors = [donor_by_number(number, "sober") for number in range(3000)]
    for objection, share in OBJECTION_SHARES.items():
        assert fmean(d.objection == objection for d in donors) == pytest.approx(share, abs=0.03)
    for level, share in enumerate(PURSE_SHARES, start=1):
        assert fmean(d.purse == level for d in donors) == pytest.approx(share, abs=0.03)
    assert set(OBJECTIONS) == set(OBJECTION_SHARES)
    parts = quirks_by_split()
    assert sum(len(part) for part in parts.values()) == len(APPEALS) * (len(APPEALS) - 1)
    assert not set(parts["test"]) & {*parts["train"], *parts["validation"]}
    assert not set(parts["validation"]) & set(parts["train"])
    assert donor_by_number(2_000_001, "wary") == donor_by_number(2_000_001, "wary")
    with pytest.raises(ConfigError, match="no instance 3000000"):
        donor_by_number(3_000_000, "wary")


def outcomes(bot: Bot, episodes: int, opponents: Sequence[str] = TRAINING) -> list[Outcome]:
    env, found = Persuasion(), []
    for one in plan(WORLD, split="validation", episodes=episodes, seed=0, opponents=opponents):
        options = {"instance": one.instance, "opponent": one.opponent}
        text, info = env.reset(seed=one.seed, options=options)
        rng, over, reward = random.Random(one.seed), False, 0.0
        while not over:
            seen = Observation(text, candidates=info["candidates"], info=info)
            text, reward, over, _, info = env.step(bot(seen, rng).action or "")
        assert reward == info["outcome"].reward
        found.append(info["outcome"])
    return found


def knowing(seen: Observation, rng: random.Random) -> Candidate:
    oracle = seen.info["oracle"]
    return max(
        seen.candidates,
        key=lambda c: sum(g.weight * p for g, p in zip(GOALS, oracle(c, GOALS), strict=True)),
    )


def test_who_acts_like_people_is_given_something_as_often_as_people_are() -> None:
    assert fmean(o.success for o in outcomes(people, 2000)) == pytest.approx(0.536, abs=0.03)


def test_knowing_beats_the_heuristic_which_beats_chance() -> None:
    lot, rule = (fmean(o.reward for o in outcomes(bot, 400)) for bot in (unguided, heuristic))
    known = fmean(o.reward for o in outcomes(knowing, 60))
    assert lot + 0.03 < rule < known - 0.02


def test_goals_weigh_as_much_as_the_reward() -> None:
    weights = {goal.text: goal.weight for goal in GOALS}
    for outcome in outcomes(unguided, 200):
        assert sum(weights[text] for text in outcome.reached) == pytest.approx(outcome.reward)
        given = outcome.facts["donation"]
        assert given in LEVELS
        assert outcome.success == (outcome.reward > 0) == (NOTHING in outcome.missed)


def test_what_the_oracle_foresees_is_had_at_least() -> None:
    env = Persuasion()
    for seed in range(25):
        text, info = env.reset(seed=seed)
        over, promised = False, 0.0
        while not over:
            seen = Observation(text, candidates=info["candidates"], info=info)
            choice = knowing(seen, random.Random(0))
            chances = info["oracle"](choice, GOALS)
            level = sum(p or 0.0 for p in chances[:-1])
            assert level >= promised
            assert chances[-1] == float(level == 0)
            promised = level
            text, _, over, _, info = env.step(choice.action or "")
        assert LEVELS[int(promised)] == info["outcome"].facts["donation"]


def test_the_oracle_says_nothing_of_what_is_no_act_or_no_goal_of_its_own() -> None:
    _, info = Persuasion().reset(seed=1)
    assert info["oracle"](Candidate("?", action="I sing."), GOALS[:2]) == [None, None]
    assert info["oracle"](Candidate("?", action=ACTIONS[CLOSE]), [Goal("It rains.")]) == [None]


def test_the_state_tells_what_decides() -> None:
    env = Persuasion()
    number = next(n for n in range(99) if donor_by_number(n, "wary").objection == "doubt")
    _, info = env.reset(seed=1, options={"instance": number, "opponent": "wary"})
    for act in ("logic", "ask half"):
        _, _, _, _, info = env.step(ACTIONS[act])
    state = info["state"]
    assert "Turn 3 of 10, turns left 8." in state
    assert "To logic they were " in state
    assert "They object now: doubt." in state
    assert "Asked 1 times; refused 0" in state
    answers = [c for c in info["candidates"] if "doubt is answered" in c.thought]
    assert [c.action for c in answers] == [ACTIONS["information"], ACTIONS["credibility"]]
    assert "logic said before 1 times" in info["candidates"][ACTS.index("logic")].thought
    assert len({c.thought for c in info["candidates"]}) == len(ACTS)
    _, _, _, _, info = env.step(ACTIONS["credibility"])
    assert "They objected: doubt. It is settled." in info["state"]


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"seat": 1}, ConfigError, "seat must be 0"),
        ({"opponent": "sobre"}, UnknownName, "did you mean 'sober'"),
        ({"instance": "x"}, ConfigError, "instance must be a number"),
        ({"discount": 1}, ConfigError, "no option discount"),
    ],
)
def test_options_that_make_no_sense_are_errors(
    options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        Persuasion().reset(options=options)
