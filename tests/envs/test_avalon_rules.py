import random

import pytest

from forethought.agent.errors import ConfigError
from forethought.envs.avalon.beliefs import knowledge
from forethought.envs.avalon.rules import (
    EVIL,
    EVIL_PLAYERS,
    EVIL_ROLES,
    GOOD,
    NAME,
    OVER,
    PROPOSE,
    QUEST,
    SPECIALS,
    TEAM_SIZES,
    VOTE,
    Game,
    Table,
    cast,
    fails_needed,
    members,
    teams,
)

FIVE = ("Merlin", "Servant", "Servant", "Assassin", "Minion")
SEVEN = ("Merlin", "Percival", "Servant", "Servant", "Assassin", "Morgana", "Minion")
TEN = (*("Merlin", "Percival"), *("Servant",) * 4, "Assassin", "Morgana", "Mordred", "Oberon")
ALL = 0b1111111111


def quest(game: Game, fails: int = 0) -> None:
    """Carry the quest under way out with a team that holds these players and others."""
    table = game.table
    team = next(t for t in teams(table.players, table.size) if t & fails == fails)
    game.propose(team)
    game.vote((1 << table.players) - 1)
    game.play(fails)


@pytest.mark.parametrize(
    ("players", "evil", "sizes"),
    [
        (5, 2, (2, 3, 2, 3, 3)),
        (6, 2, (2, 3, 4, 3, 4)),
        (7, 3, (2, 3, 3, 4, 4)),
        (8, 3, (3, 4, 4, 5, 5)),
        (9, 3, (3, 4, 4, 5, 5)),
        (10, 4, (3, 4, 4, 5, 5)),
    ],
)
def test_the_tables_are_those_of_the_rule_book(
    players: int, evil: int, sizes: tuple[int, ...]
) -> None:
    assert TEAM_SIZES[players] == sizes
    roles = cast(players)
    assert len(roles) == players
    assert sum(role in EVIL_ROLES for role in roles) == evil == EVIL_PLAYERS[players]
    fourth = 2 if players >= 7 else 1
    assert [fails_needed(players, n) for n in range(5)] == [1, 1, 1, fourth, 1]


def test_special_roles_take_the_place_of_plain_ones() -> None:
    assert sorted(cast(10, frozenset(SPECIALS))) == sorted(TEN)
    assert sorted(cast(7, frozenset({"Percival", "Morgana"}))) == sorted(SEVEN)
    assert sorted(cast(5, frozenset({"Mordred"}))) == sorted(
        ("Merlin", "Servant", "Servant", "Assassin", "Mordred")
    )


@pytest.mark.parametrize(
    ("players", "specials", "message"),
    [
        (4, frozenset[str](), "players must be 5 to 10, not 4"),
        (11, frozenset[str](), "players must be 5 to 10, not 11"),
        (5, frozenset({"Lancelot"}), "not Lancelot"),
        (5, frozenset({"Mordred", "Oberon"}), "5 players have 2 evil ones"),
    ],
)
def test_games_that_do_not_exist_are_refused(
    players: int, specials: frozenset[str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        cast(players, specials)


def test_a_team_needs_more_than_half_and_the_lead_goes_round() -> None:
    game = Game(cast(6), leader=5)
    game.propose(0b11)
    assert not game.vote(0b111)
    assert (game.table.leader, game.table.rejected, game.table.phase) == (0, 1, PROPOSE)
    game.propose(0b11)
    assert game.vote(0b1111)
    assert (game.table.leader, game.table.rejected, game.table.phase) == (1, 0, QUEST)
    assert [p.approved for p in game.table.proposals] == [False, True]


def test_five_rejections_in_a_row_end_the_game_for_evil() -> None:
    game = Game(FIVE)
    for _ in range(4):
        game.propose(0b11)
        game.vote(0)
    quest(game)
    assert game.table.rejected == 0
    for count in range(5):
        assert game.table.rejected == count
        game.propose(0b111)
        game.vote(0b11)
    assert (game.table.phase, game.table.winner) == (OVER, EVIL)


def test_three_failed_quests_end_the_game_for_evil() -> None:
    game = Game(FIVE)
    for fails in (0b1000, 0, 0b10000, 0, 0b1000):
        quest(game, fails)
    assert (game.table.passed, game.table.failed) == (2, 3)
    assert (game.table.phase, game.table.winner) == (OVER, EVIL)


def test_the_fourth_quest_of_seven_needs_two_fails() -> None:
    for fails, passed in ((0b10000, True), (0b110000, False)):
        game = Game(SEVEN)
        for sunk in (0, 0b10000, 0b10000):
            quest(game, sunk)
        assert game.table.needed == 2
        quest(game, fails)
        assert game.table.missions[-1].passed is passed
    six = Game(cast(6))
    for sunk in (0, 0b10000, 0, 0b10000):
        quest(six, sunk)
    assert not six.table.missions[-1].passed


@pytest.mark.parametrize(("target", "winner"), [(0, EVIL), (1, GOOD), (4, GOOD)])
def test_the_assassin_has_the_last_word(target: int, winner: str) -> None:
    game = Game(FIVE)
    for _ in range(3):
        quest(game)
    assert game.table.phase == NAME
    with pytest.raises(ConfigError, match="one of the other players"):
        game.name(3)
    assert game.name(target) is (target == 0)
    assert (game.table.winner, game.table.named) == (winner, target)
    with pytest.raises(ConfigError, match="waits for over"):
        game.propose(0b11)


def test_moves_that_the_rules_forbid_are_refused_and_change_nothing() -> None:
    game = Game(FIVE)
    for team in (0b1, 0b111, 0b100001, -1):
        with pytest.raises(ConfigError, match="this quest takes 2 of the 5 players"):
            game.propose(team)
    with pytest.raises(ConfigError, match="waits for propose, not for vote"):
        game.vote(0)
    game.propose(0b1001)
    with pytest.raises(ConfigError, match="only the 5 players vote"):
        game.vote(1 << 5)
    assert game.table.phase == VOTE
    game.vote(ALL & 31)
    for fails in (0b1, 0b10000):
        with pytest.raises(ConfigError, match="only evil players on the team"):
            game.play(fails)
    assert game.table.phase == QUEST
    assert not game.play(0b1000)


@pytest.mark.parametrize(
    "roles",
    [
        ("Merlin", "Servant", "Servant", "Servant", "Assassin"),
        ("Servant", "Servant", "Servant", "Minion", "Assassin"),
        ("Merlin", "Servant", "Jester", "Minion", "Assassin"),
    ],
)
def test_a_game_needs_a_proper_deal(roles: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError):
        Game(roles)


def test_a_table_has_a_leader_at_it() -> None:
    with pytest.raises(ConfigError, match="leader must be 0 to 4"):
        Table(5, leader=5)


def test_everybody_knows_what_the_rule_book_shows() -> None:
    place = {role: TEN.index(role) for role in TEN}

    def evil(role: str) -> set[str]:
        return {TEN[player] for player in members(knowledge(TEN, place[role]).evil)}

    assert evil("Merlin") == {"Assassin", "Morgana", "Oberon"}
    for role in ("Assassin", "Morgana", "Mordred"):
        assert evil(role) == {"Assassin", "Morgana", "Mordred"}
    assert evil("Oberon") == {"Oberon"}
    assert evil("Servant") == evil("Percival") == set()
    shown = knowledge(TEN, place["Percival"]).merlins
    assert {TEN[player] for player in members(shown)} == {"Merlin", "Morgana"}
    assert knowledge(TEN, place["Servant"]).merlins == 0


def test_random_games_end_as_the_rules_say() -> None:
    rng = random.Random(3)
    winners = set()
    for number in range(300):
        players = 5 + number % 6
        roles = list(cast(players))
        rng.shuffle(roles)
        game = Game(roles, rng.randrange(players))
        table = game.table
        while table.phase != OVER:
            if table.phase == PROPOSE:
                game.propose(rng.choice(teams(players, table.size)))
            elif table.phase == VOTE:
                game.vote(rng.getrandbits(players))
            elif table.phase == QUEST:
                game.play(table.team & game.evil & rng.getrandbits(players))
            else:
                game.name(rng.choice([p for p in range(players) if roles[p] != "Assassin"]))
        winners.add(table.winner)
        good = table.passed == 3 and table.named is not None and roles[table.named] != "Merlin"
        assert table.winner == (GOOD if good else EVIL)
        assert len(table.missions) <= 5
        assert max(table.passed, table.failed) == 3 or table.rejected == 5
    assert winners == {GOOD, EVIL}
