"""A camp-site talk as one side knows it: the game with its memory of what was said.

Holds the state of affairs (`Scene`) and what of it a seat may read (`View`). A submitted deal and
a rejection are remembered as the sentences they amount to, so that the state is that of the data
set's human dialogues: a head trained on those reads states of this world.
"""

from dataclasses import dataclass
from functools import lru_cache

from forethought.envs.campsite.actions import read_move, say_offer
from forethought.envs.campsite.instances import Instance
from forethought.envs.campsite.rules import Game, Move, Priorities, points, rest
from forethought.envs.casino_data import Amounts
from forethought.envs.casino_text import Talk, hear, state_text, worth

REJECTING = "No, I can't accept that deal."
"""What a rejection says."""


@dataclass(frozen=True, slots=True)
class View:
    """What one side may know: everything a policy of ours is allowed to read."""

    seat: int
    priorities: Priorities
    talk: Talk
    """What the messages so far amount to."""
    pending: Amounts | None
    """What this side would get by the deal it has to answer; `None` without one."""
    moves: tuple[Move, ...]
    left: tuple[float, ...]
    """Points that each bundle the other named left this side, items not named counted by half."""
    max_turns: int

    @property
    def turn(self) -> int:
        """Number of the current turn, from 1."""
        return len(self.moves) + 1

    @property
    def table(self) -> Amounts | None:
        """What this side would get by the amounts named last; `None` while one is missing."""
        food, water, firewood = self.talk.table
        if food is None or water is None or firewood is None:
            return None
        take = (food, water, firewood)
        return take if self.seat == 0 else rest(take)

    @property
    def heard(self) -> str:
        """What the other said last; empty for an action or nothing."""
        return self.moves[-1].text if self.moves else ""

    def points(self, take: Amounts) -> int:
        """What a bundle is worth to this side."""
        return points(self.priorities, take)


class Scene:
    """One negotiation with what both sides have heard.

    Args:
        instance: Who wants what, and who begins.
    """

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.game = Game(instance.priorities, instance.first)
        self.talk = Talk()
        self._left: tuple[list[float], list[float]] = ([], [])

    def act(self, seat: int, action: str) -> None:
        """Take a turn in words.

        Raises:
            ConfigError: If it cannot be read, or the rules do not allow it now.
        """
        move = read_move(seat, action)
        self.game.make(move)
        said = move.text
        if move.take is not None:
            said = say_offer(move.take)
        elif move.kind == "reject":
            said = REJECTING
        if not said:
            return
        self.talk = _hear(self.talk, seat, said)
        if not self.talk.since:
            other = 1 - seat
            priorities = self.instance.priorities[other]
            self._left[other].append(worth(self.talk.asks[seat], other, priorities)[1])

    def view(self, seat: int) -> View:
        """What a seat may know."""
        game = self.game
        return View(
            seat,
            game.priorities[seat],
            self.talk,
            game.pending if game.player == seat else None,
            tuple(game.moves),
            tuple(self._left[seat]),
            game.max_turns,
        )


_hear = lru_cache(maxsize=8192)(hear)
"""Scripted neighbours repeat themselves; what they say is read once."""


def describe(view: View) -> str:
    """The state: that of the human dialogues, and the deal to be answered, where there is one."""
    text = _state(view.talk, view.seat, view.priorities)
    if view.pending is None:
        return text
    brings = view.points(view.pending)
    return f"{text}\nThey submitted a deal; accepting brings me {brings}, walking away 5."


_state = lru_cache(maxsize=8192)(state_text)
