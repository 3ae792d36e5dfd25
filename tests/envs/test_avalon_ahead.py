import random
from collections.abc import Iterator

import pytest

from forethought.envs.avalon.ahead import Way, before, by_vote, proposals, turned
from forethought.envs.avalon.beliefs import knowledge
from forethought.envs.avalon.players import Naive, Seen
from forethought.envs.avalon.rules import PROPOSE, QUEST, VOTE, Game, teams

ROLES = ("Servant", "Minion", "Merlin", "Servant", "Assassin")
WAY = Way(5, 0b10010, 2)
NAIVE = Naive()


class Wise(Naive):
    """The first player, who knows the deal: votes for safe teams and proposes the best liked."""

    def propose(self, seen: Seen, rng: random.Random) -> int:
        safe = [t for t in teams(5, seen.table.size) if not t & WAY.evil]
        return max(safe, key=lambda t: by_vote(WAY, (), t, 0, seen.table.rejected)[1])

    def vote(self, seen: Seen, rng: random.Random) -> bool:
        return not seen.table.team & WAY.evil


def first_quests(leader: int, games: int) -> Iterator[bool]:
    """Whether the first quest passed, in games of the naive players and a wise one."""
    rng = random.Random(leader)
    for _ in range(games):
        game = Game(ROLES, leader)
        seats = [Seen(game.table, knowledge(ROLES, player)) for player in range(5)]
        players = [Wise(), *[NAIVE] * 4]
        while not game.table.missions:
            table = game.table
            if table.phase == PROPOSE:
                game.propose(players[table.leader].propose(seats[table.leader], rng))
            elif table.phase == VOTE:
                said = [p.vote(s, rng) for p, s in zip(players, seats, strict=True)]
                said[0] = said[0] or table.rejected == 4
                game.vote(sum(1 << player for player, yes in enumerate(said) if yes))
            else:
                assert table.phase == QUEST
                game.play(sum(1 << p for p in (1, 4) if table.team >> p & 1))
        yield game.table.missions[0].passed


@pytest.mark.parametrize("leader", [0, 1, 2, 3, 4])
def test_the_look_ahead_is_what_games_show(leader: int) -> None:
    told = before(WAY, (), leader, 0, deep=False).this
    games = 2000
    shown = sum(first_quests(leader, games)) / games
    assert shown == pytest.approx(told, abs=4 * (max(told * (1 - told), 0.001) / games) ** 0.5)


def test_a_team_that_cannot_be_stopped_is_told_either_way() -> None:
    dirty = 0b01010  # the second and the fourth player; both and the other evil one approve
    assert by_vote(WAY, (), dirty, 3, 0) == ((0.0, 0.0), (0.0, 0.0))
    clean = 0b01001  # with the first player, the fourth and Merlin approve
    rejecting, approving = by_vote(WAY, (), clean, 3, 0)
    assert approving.this == 1
    assert approving.both < 1
    assert rejecting == before(WAY, (), 4, 1, deep=True)


def test_a_third_quest_that_passes_has_no_next_one() -> None:
    done = ((0b00101, 0), (0b01101, 0))
    assert by_vote(WAY, done, 0b00101, 2, 4) == ((1.0, 1.0), (1.0, 1.0))


def test_leaders_propose_by_their_roles() -> None:
    assert all(team >> 1 & 1 and not team >> 4 & 1 for team in proposals(WAY, (), 1))
    assert all(not team & WAY.evil and team >> 2 & 1 for team in proposals(WAY, (), 2))
    assert all(team >> 3 & 1 for team in proposals(WAY, (), 3))
    assert all(not team & WAY.evil for team in proposals(WAY, (), 0))


def test_players_are_counted_from_one_of_them() -> None:
    assert turned(0b00011, 1, 5) == 0b10001
    assert [turned(1 << place, place, 5) for place in range(5)] == [1] * 5
