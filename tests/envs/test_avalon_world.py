import copy
import random
from statistics import fmean
from typing import Any

import pytest

from forethought.agent.errors import ConfigError, UnknownName
from forethought.agent.types import Observation
from forethought.envs.avalon.beliefs import knowledge
from forethought.envs.avalon.players import Seen
from forethought.envs.avalon.rules import EVIL_ROLES
from forethought.envs.avalon.thoughts import MOST_TEAMS
from forethought.envs.avalon.words import claim, parse_name, parse_team, say_team
from forethought.envs.avalon.world import WORLD, Avalon, table
from forethought.envs.check import check_environment, shown
from forethought.envs.registry import SPLITS, Bot, get_world

PLAIN: list[dict[str, Any]] = [
    {"seat": seat, "opponent": name} for seat in range(4) for name in ("naive", "tracking")
]
LARGE: list[dict[str, Any]] = [
    {"players": 7, "roles": "Percival,Morgana", "role": "Percival"},
    {"players": 7, "roles": ["Oberon"], "role": "Oberon"},
    {"players": 8, "roles": "Mordred", "role": "Merlin"},
    {"players": 10, "roles": "Percival,Morgana,Mordred,Oberon", "role": "Assassin"},
    {"players": 6, "seat": 0, "opponent": "tracking"},
]


def under_other_roles(env: Avalon) -> list[str]:
    """What would be shown if the others' roles were dealt otherwise, all moves being the same."""
    twin = copy.deepcopy(env)
    game, me = twin._game, twin._dealt.me
    assert game is not None
    mine, rng, told = twin._seen[me].known, random.Random(0), []
    others = [place for place in range(game.table.players) if place != me]
    for _ in range(12):
        roles = list(game.roles)
        dealt = rng.sample([roles[place] for place in others], len(others))
        for place, role in zip(others, dealt, strict=True):
            roles[place] = role
        evil = sum(1 << place for place, role in enumerate(roles) if role in EVIL_ROLES)
        fits = all((evil & m.team).bit_count() >= m.fails for m in game.table.missions)
        if knowledge(roles, me) != mine or not fits:
            continue
        game.roles, game.evil = tuple(roles), evil
        twin._seen = tuple(Seen(game.table, knowledge(roles, p)) for p in range(len(roles)))
        told.append(shown(*twin._show(game)))
    return told


@pytest.mark.parametrize("options", [PLAIN, LARGE], ids=["five", "more"])
def test_the_world_keeps_its_contract_and_its_secrets(options: list[dict[str, Any]]) -> None:
    check_environment(
        Avalon, episodes=len(options), options=[{}, *options], secrets=under_other_roles
    )


def test_it_does_so_where_players_talk() -> None:
    check_environment(
        Avalon,
        episodes=6,
        options=[{"discussion": True}, {"discussion": True, "seat": 1, "players": 6}],
        actions=["I trust player 1.", "Who was on the team that failed?"],
        secrets=under_other_roles,
    )


def test_the_secrets_that_are_tried_are_others() -> None:
    env = Avalon()
    env.reset(seed=1, options={"instance": 1})
    assert len(under_other_roles(env)) > 5


def episode(bot: Bot, seed: int, **options: Any) -> bool:
    env, rng = Avalon(), random.Random(seed)
    text, info = env.reset(seed=seed, options={"instance": SPLITS["test"][seed], **options})
    over = False
    while not over:
        candidate = bot(Observation(text, candidates=info["candidates"], info=info), rng)
        text, _, over, _, info = env.step(candidate.action or "")
        assert not info.get("invalid")
    return bool(info["outcome"].success)


def wins(arm: str, games: int, **options: Any) -> float:
    return fmean(episode(WORLD.bots[arm], seed, **options) for seed in range(games))


def test_a_random_seat_loses_as_often_as_published() -> None:
    assert wins("unguided", 300, role="Servant") == pytest.approx(0.083, abs=0.05)
    assert wins("unguided", 300, role="Merlin") == pytest.approx(0.023, abs=0.03)


def test_a_naive_seat_plays_as_the_naive_others_do() -> None:
    for role in ("Servant", "Merlin"):
        assert wins("heuristic", 250, role=role) == pytest.approx(0.38, abs=0.1)


def test_reading_votes_beats_not_reading_them() -> None:
    assert wins("reader", 200, role="Servant") > wins("heuristic", 200, role="Servant") + 0.08
    assert wins("reader", 100, role="Assassin") > wins("heuristic", 100, role="Assassin") + 0.1


@pytest.mark.parametrize("name", sorted(WORLD.bots))
def test_every_bot_plays_every_table(name: str) -> None:
    for number, options in enumerate([*PLAIN, *LARGE]):
        episode(WORLD.bots[name], number, **options, discussion=number % 2 == 0)
    for number, bot in enumerate(WORLD.collectors):
        episode(bot, number, seat=number % 2)


def test_the_first_vote_of_a_servant_is_told_in_words() -> None:
    env = Avalon()
    seed = next(s for s in range(99) if "proposes" in env.reset(seed=s, options={"instance": s})[0])
    text, info = env.reset(seed=seed, options={"instance": seed})
    assert text.splitlines()[0].startswith(f"You are player {env._dealt.me + 1}, Servant, good.")
    assert "Servant to vote. Quest 1 of 5, passed 0, failed 0." in info["state"]
    assert info["legal_actions"] == ("I approve.", "I reject.")
    assert [c.action for c in info["candidates"]] == ["I approve.", "I reject."]
    assert "five quests, with teams of 2, 3, 2, 3, 3" in info["rules"]
    refused, reward, over, _, after = env.step("I abstain.")
    assert "say 'I approve.' or 'I reject.'" in refused
    assert (reward, over, after["invalid"], after["state"]) == (0.0, False, True, info["state"])
    text, *_ = env.step("i approve")
    assert "Quest 1: player" in text


def test_the_ending_says_what_came_of_it() -> None:
    env = Avalon()
    seen = set()
    for seed in range(60):
        _, info = env.reset(seed=seed, options={"seat": 3})
        over = False
        while not over:
            text, reward, over, _, info = env.step(info["candidates"][-1].action)
        outcome = info["outcome"]
        assert outcome.reward == reward == float(outcome.success)
        assert text.startswith("Evil wins: your side won." if reward else "Good wins")
        assert ("My side wins." in outcome.reached) == outcome.success
        assert outcome.facts["role"] == "Assassin"
        assert ("Three quests pass." in outcome.reached) == (outcome.facts["passed"] == 3)
        seen.update(outcome.reached)
    assert {"My side wins.", "Three quests pass.", "Three quests fail."} <= seen
    assert "The Assassin names Merlin." in seen


def test_large_tables_offer_a_shortlist_and_take_any_team() -> None:
    env = Avalon()
    for seed in range(99):
        _, info = env.reset(seed=seed, options={"players": 10})
        if info["phase"] == "propose":
            break
    assert len(info["legal_actions"]) == 120
    assert len(info["candidates"]) == MOST_TEAMS
    _, _, _, _, info = env.step("I propose players 10, 9 and 1.")
    assert not info.get("invalid")


def test_what_is_said_is_heard() -> None:
    env = Avalon()
    text, info = env.reset(seed=2, options={"discussion": True})
    assert "legal_actions" not in info
    assert info["phase"] == "talk"
    assert len(info["candidates"]) == 9
    refused = env.step("  ")[4]
    assert refused["invalid"]
    assert env.step("x" * 501)[4]["invalid"]
    text, _, _, _, info = env.step("I suspect   player 3.")
    assert f"Player {env._dealt.me + 1} said: I suspect player 3." in text
    assert env._game is not None
    assert len([line for line in text.splitlines() if " said: " in line]) == 5
    assert "Suspected by" in info["state"]


def test_actions_are_read_back() -> None:
    assert parse_team("I propose players 5, 1 and 2.") == 0b10011
    assert parse_team(say_team(0b1000000001)) == 0b1000000001
    assert parse_name("i name player 3 as Merlin") == 2
    assert claim("I TRUST player 10") == ("trust", 9)
    assert claim("I trust nobody.") is None
    for text in ("I propose players 1 and 1.", "I propose player 0.", "players 1", "I propose ,."):
        with pytest.raises(ValueError, match="propose a team as in"):
            parse_team(text)
    for text in ("I name player 0.", "I name player one.", "Merlin is 2"):
        with pytest.raises(ValueError, match="name a player as in"):
            parse_name(text)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seats": 1}, "no option seats"),
        ({"seat": 4}, "seat must be 0 to 3, not 4"),
        ({"seat": "first"}, "seat must be a number, not 'first'"),
        ({"instance": -1}, "instance must be 0 or more"),
        ({"players": 4}, "players must be 5 to 10, not 4"),
        ({"role": "Percival"}, "this game has no Percival"),
        ({"role": "Knight"}, "this game has no Knight"),
        ({"roles": "Lancelot"}, "not Lancelot"),
        ({"roles": 3}, "roles must be a list of roles, not 3"),
        ({"discussion": "yes"}, "discussion must be true or false"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], message: str) -> None:
    env = Avalon()
    env.reset(seed=0)
    with pytest.raises(ConfigError, match=message):
        env.reset(seed=0, options=options)
    with pytest.raises(ConfigError, match="call reset before step"):
        env.step("I approve.")


def test_an_unknown_opponent_is_named_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean 'tracking'"):
        Avalon().reset(options={"opponent": "traking"})


def test_a_table_of_one_role_is_a_world_of_its_own() -> None:
    world = table(role="Merlin", players=6)
    assert world.seats == 1
    env = world.make()
    assert isinstance(env, Avalon)
    text, info = env.reset(seed=4, options={"instance": 9, "seat": 0})
    assert "Merlin, good" in text
    assert "with 6 players" in info["rules"]
    assert table(players=6).seats == 2
    with pytest.raises(ConfigError, match="chooses opponent"):
        table(opponent="naive")
    with pytest.raises(ConfigError, match="chooses seat"):
        table(seat=1)
    with pytest.raises(ConfigError, match="no option role_"):
        table(role_="Merlin")
    assert get_world("avalon-v0") is WORLD


def test_merlin_knows_what_other_leaders_would_propose() -> None:
    env = Avalon()
    _, info = env.reset(seed=5, options={"seat": 1, "instance": 6})
    notes = info["view"]
    assert env._game is not None
    for player, role in enumerate(env._game.roles):
        if role in EVIL_ROLES:
            assert notes.led_by(player) == 0
        elif role == "Servant":  # with one of four others: one of them is the other good one
            others = [notes.by_votes[1 << player | 1 << p] for p in range(5) if p != player]
            assert notes.led_by(player) == pytest.approx(sum(others) / 4) == 0.5
        else:
            assert notes.led_by(player) == notes.best == 1
    assert notes.last_leader == (notes.seen.table.leader + 4 - notes.seen.table.rejected) % 5
    assert len(notes.sets) == 1
    assert "Sets of evil players that fit 1, to all 10." in info["state"]


def test_a_decision_says_what_lies_ahead() -> None:
    env = Avalon()
    _, info = env.reset(seed=0, options={"instance": 0, "seat": 0, "opponent": "naive"})
    over = False
    while not over:
        notes = info["view"]
        table = notes.seen.table
        if info["phase"] in ("propose", "vote"):
            for team in notes.choices:
                for prospect in notes.ahead(team):
                    assert -1e-9 <= prospect.both <= prospect.this <= 1 + 1e-9
                    assert prospect.both == prospect.this or table.passed < 2
            assert all("this quest passes" in each.thought for each in info["candidates"])
        _, _, over, _, info = env.step(info["candidates"][-1].action)


def test_large_tables_are_not_looked_ahead_at() -> None:
    _, info = Avalon().reset(seed=1, options={"players": 7, "instance": 3})
    assert not any("this quest passes" in each.thought for each in info["candidates"])
    assert info["view"].ahead(info["view"].choices[0]) is None


def test_collectors_differ_in_how_sure_they_want_to_be() -> None:
    env = Avalon()
    _, info = env.reset(seed=4, options={"instance": 1, "seat": 0, "opponent": "naive"})
    while info["phase"] != "vote":
        _, _, _, _, info = env.step(info["candidates"][0].action)
    notes = info["view"]
    assert notes.by_votes[notes.seen.table.team] == notes.best < 0.6  # as safe as any, and not sure
    observation = Observation("", candidates=info["candidates"], info=info)
    usual = []
    for bot in WORLD.collectors[:-1]:
        taken = [bot(observation, random.Random(seed)).action for seed in range(41)]
        usual.append(max(set(taken), key=taken.count))
    assert usual.count("I approve.") >= 3
    assert usual.count("I reject.") >= 5
