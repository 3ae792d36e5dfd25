import random
from itertools import permutations
from statistics import fmean

import pytest

from forethought.envs.avalon.beliefs import (
    Reading,
    facts_of,
    knowledge,
    possible,
    preferred,
    servant,
    shares,
    shares_by_quests,
)
from forethought.envs.avalon.players import PLAYERS, Seen, advance, play_out
from forethought.envs.avalon.rules import (
    EVIL_ROLES,
    GOOD,
    NAME,
    OVER,
    QUEST,
    SPECIALS,
    Game,
    cast,
    teams,
)


def dealt(rng: random.Random, players: int = 5, specials: frozenset[str] = frozenset()) -> Game:
    roles = list(cast(players, specials))
    rng.shuffle(roles)
    return Game(roles, rng.randrange(players))


def mask(roles: tuple[str, ...]) -> int:
    return sum(1 << place for place, role in enumerate(roles) if role in EVIL_ROLES)


def test_five_naive_players_win_as_often_as_published() -> None:
    rng = random.Random(38)
    games = [dealt(rng) for _ in range(5000)]
    won = fmean(play_out(game, (PLAYERS["naive"],) * 5, rng) == GOOD for game in games)
    assert won == pytest.approx(0.38, abs=0.02)
    assert fmean(game.table.passed == 3 for game in games) == pytest.approx(0.588, abs=0.02)
    shot = [game for game in games if game.table.named is not None]
    right = fmean(game.roles[game.table.named or 0] == "Merlin" for game in shot)
    assert right == pytest.approx(1 / 3, abs=0.03)


def test_the_assassin_that_tracks_beliefs_finds_a_naive_merlin() -> None:
    rng = random.Random(7)
    games = [dealt(rng) for _ in range(300)]
    for game in games:
        play_out(game, (PLAYERS["tracking"],) * 5, rng)
    shot = [game for game in games if game.table.named is not None]
    assert len(shot) > 100
    assert fmean(game.roles[game.table.named or 0] == "Merlin" for game in shot) > 0.9


@pytest.mark.parametrize("players", [5, 7, 10])
def test_every_table_plays_to_the_end(players: int) -> None:
    rng = random.Random(players)
    specials = frozenset(SPECIALS) if players == 10 else frozenset({"Oberon"})
    for name in PLAYERS:
        for _ in range(3):
            game = dealt(rng, players, specials)
            play_out(game, (PLAYERS[name],) * players, rng)
            assert game.table.phase == OVER


def test_possible_sets_are_those_of_all_deals_that_look_the_same() -> None:
    roles = ("Merlin", "Percival", "Servant", "Servant", "Assassin", "Morgana")
    facts = ((0b011100, 1), (0b000111, 0))
    for me in range(6):
        known = knowledge(roles, me)
        want = {
            mask(other)
            for other in set(permutations(roles))
            if other[me] == roles[me]
            and knowledge(other, me) == known
            and all((mask(other) & team).bit_count() >= fails for team, fails in facts)
        }
        assert set(possible(6, known, facts)) == want, roles[me]


def test_a_servant_prefers_the_teams_least_likely_to_hold_evil() -> None:
    first = preferred(5, servant(2), 0, ())
    assert first == {team for team in teams(5, 2) if team & 0b100}
    after = preferred(5, servant(2), 1, ((0b110, 1),))
    assert after
    assert all(not team & 0b10 for team in after)
    inside = preferred(5, servant(2), 1, ((0b1100, 0),))
    assert all(team & 0b1100 == 0b1100 for team in inside)


def test_two_evil_players_on_a_team_leave_the_fail_to_the_assassin() -> None:
    roles = ("Merlin", "Servant", "Servant", "Assassin", "Minion")
    game = Game(roles)
    game.propose(0b11000)
    game.vote(31)
    seen = tuple(Seen(game.table, knowledge(roles, player)) for player in range(5))
    rng = random.Random(0)
    assert PLAYERS["naive"].fail(seen[3], rng)
    assert not PLAYERS["naive"].fail(seen[4], rng)
    advance(game, seen, (PLAYERS["naive"],) * 5, rng)
    assert game.table.missions[0].fails == 1


def test_what_is_read_from_votes_finds_evil_players() -> None:
    rng = random.Random(11)
    by_votes, by_quests, merlins = [], [], []
    for _ in range(100):
        game = dealt(rng)
        me = game.roles.index("Servant")
        seen = tuple(Seen(game.table, knowledge(game.roles, player)) for player in range(5))
        while game.table.phase not in (OVER, NAME) and len(game.table.missions) < 3:
            advance(game, seen, (PLAYERS["naive"],) * 5, rng)
        reading, facts = Reading(5), facts_of(game.table.missions)
        reading.follow(game.table)
        belief = reading.belief(seen[me].known, facts)
        assert sum(chance for _, chance in belief.sets) == pytest.approx(1)
        assert sum(belief.evil) == pytest.approx(2)
        assert sum(belief.merlin) == pytest.approx(1)
        assert belief.evil[me] == belief.merlin[me] == 0
        by_votes.append(dict(belief.sets).get(game.evil, 0.0))
        by_quests.append(1 / len(possible(5, seen[me].known, facts)))
        merlins.append(reading.exposure(game.evil)[game.roles.index("Merlin")])
    assert fmean(by_votes) > fmean(by_quests) + 0.3
    assert fmean(merlins) > 0.6


def test_following_step_by_step_reads_the_same_as_at_the_end() -> None:
    rng = random.Random(5)
    game = dealt(rng, 7)
    steps, known = Reading(7), knowledge(game.roles, 0)
    seen = tuple(Seen(game.table, knowledge(game.roles, player)) for player in range(7))
    while game.table.phase != OVER:
        advance(game, seen, (PLAYERS["naive"],) * 7, rng)
        if game.table.phase != QUEST:
            steps.follow(game.table)
    whole = Reading(7)
    whole.follow(game.table)
    facts = facts_of(game.table.missions)
    assert steps.belief(known, facts) == whole.belief(known, facts)


def test_the_chance_of_a_safe_team_counts_what_the_quest_needs() -> None:
    sets = ((0b0000111, 0.5), (0b1000011, 0.25), (0b0011100, 0.25))
    fourth = shares(7, 3, sets)
    assert fourth[0b0001111] == 0.0
    assert fourth[0b1111000] == 0.75
    assert shares(7, 1, sets)[0b0111000] == 0.75
    even = shares_by_quests(5, servant(0), 0, ())
    assert even[0b11] == pytest.approx(1 / 2)
    assert even[0b110] == pytest.approx(1 / 6)


@pytest.mark.parametrize("role", ["Merlin", "Servant", "Minion"])
def test_players_speak_of_what_they_know(role: str) -> None:
    roles = ("Merlin", "Servant", "Servant", "Assassin", "Minion")
    game = Game(roles)
    seen = Seen(game.table, knowledge(roles, roles.index(role)))
    rng = random.Random(1)
    said = {PLAYERS["naive"].speak(seen, rng) for _ in range(60)}
    assert (
        said
        == {
            "Merlin": {"I suspect player 4.", "I suspect player 5."},
            "Servant": {"I have nothing to say."},
            "Minion": {f"I suspect player {n}." for n in (1, 2, 3)},
        }[role]
    )
