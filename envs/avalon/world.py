"""The `avalon-v0` environment: one seat at a table of rule-based players, in text."""

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any

from forethought.agent.errors import ConfigError, UnknownName
from forethought.agent.types import Outcome
from forethought.envs.avalon.beliefs import Reading, knowledge
from forethought.envs.avalon.bots import COLLECTORS, heuristic, reader, unguided
from forethought.envs.avalon.deals import Deal, deal, options_of
from forethought.envs.avalon.notes import Notes
from forethought.envs.avalon.players import PLAYERS, TRAINING, UNSEEN, Naive, Seen, advance
from forethought.envs.avalon.rules import (
    ASSASSIN,
    EVIL,
    MERLIN,
    NAME,
    OVER,
    PROPOSE,
    QUEST,
    VOTE,
    Game,
    cast,
    members,
)
from forethought.envs.avalon.text import (
    asking,
    mission_text,
    proposal_text,
    role_text,
    rules_text,
    state_text,
)
from forethought.envs.avalon.thoughts import legal_actions, thoughts
from forethought.envs.avalon.words import (
    APPROVE,
    FAIL,
    LONGEST_SPEECH,
    REJECT,
    SUCCEED,
    TALK,
    goals,
    parse_name,
    parse_team,
    reached,
)
from forethought.envs.registry import SPLITS, World


class Avalon:
    """One agent at a table; everybody else plays by rules.

    Reward, on the last step only: 1 when the agent's side wins, else 0. Where `info` lists legal
    actions, the action is one of them; while players talk, any words are. `info["view"]` holds the
    player's `Notes`, for hand-written policies.

    Args:
        defaults: Options of `reset` that hold where a call gives no others.
    """

    id = "avalon-v0"

    def __init__(self, defaults: Mapping[str, Any] | None = None) -> None:
        self._defaults = dict(defaults or {})
        self._game: Game | None = None
        self._dealt = Deal((), 0, 0)
        self._discussion = False
        self._players: tuple[Naive, ...] = ()
        self._seen: tuple[Seen, ...] = ()
        self._reading = Reading(5)
        self._rng = random.Random(0)
        self._speakers: list[int] = []
        self._talked = 0
        self._story: list[str] = []
        self._told = 0, 0
        """Proposals and quests that are in the story."""
        self._cast: tuple[str, ...] = ()

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Deal the roles and play up to the agent's first decision.

        Args:
            seed: Seeds what the others draw, and chooses whatever the options leave open.
            options: `instance` (the number of a deal), `seat` (0 Servant, 1 Merlin, 2 Minion,
                3 Assassin), `role` (any role of the game, instead of `seat`), `opponent` (how the
                others play), `players` (5 to 10), `roles` (special roles added, a list or words
                between commas), `discussion` (whether players talk before each quest).

        Raises:
            UnknownName: If there is no such opponent.
            ConfigError: If another option makes no sense.
        """
        self._game = None
        chosen = options_of({**self._defaults, **(options or {})})
        self._rng = random.Random(f"avalon {seed}")
        number = chosen.instance
        if number is None:
            number = self._rng.choice(SPLITS["train"])
        roles = cast(chosen.players, chosen.specials)
        dealt = deal(number, roles, chosen.role)
        opponent = chosen.opponent or self._rng.choice(TRAINING)
        if opponent not in PLAYERS:
            raise UnknownName("opponent", opponent, PLAYERS)
        game = Game(dealt.roles, dealt.leader)
        self._dealt = dealt
        self._discussion = chosen.discussion
        self._players = (PLAYERS[opponent],) * chosen.players
        self._seen = tuple(
            Seen(game.table, knowledge(dealt.roles, player)) for player in range(chosen.players)
        )
        self._reading = Reading(chosen.players)
        self._speakers, self._talked, self._told = [], 0, (0, 0)
        self._cast = roles
        self._story = [role_text(self._seen[dealt.me])]
        self._game = game
        self._go_on(game)
        return self._show(game)

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Make a move and let the others play up to the agent's next decision."""
        game = self._game
        if game is None or game.table.phase == OVER:
            raise ConfigError("call reset before step")
        try:
            self._moves[self._phase(game)](self, game, action)
        except (ValueError, ConfigError) as error:
            text, info = self._show(game)
            told = f"{text}\nThat is not possible: {error}."
            return told, 0.0, False, False, info | {"invalid": True}
        self._go_on(game)
        text, info = self._show(game)
        over = game.table.phase == OVER
        return text, float(over and self._won(game)), over, False, info

    def _phase(self, game: Game) -> str:
        """What is waited for, talking included."""
        return TALK if self._speakers else game.table.phase

    def _won(self, game: Game) -> bool:
        return (game.table.winner == EVIL) == self._seen[self._dealt.me].known.is_evil

    def _go_on(self, game: Game) -> None:
        """Let the others play until the agent has to decide, or the game is over."""
        while True:
            self._begin_talk(game)
            if self._is_mine(game) or game.table.phase == OVER:
                return
            if self._speakers:
                speaker = self._speakers[0]
                words = self._players[speaker].speak(self._seen[speaker], self._rng)
                self._say(game, speaker, words)
                continue
            advance(game, self._seen, self._players, self._rng)
            self._tell(game)

    def _begin_talk(self, game: Game) -> None:
        """Everybody talks once before a quest's first proposal, the leader first."""
        table = game.table
        if self._discussion and table.phase == PROPOSE and self._talked == table.quest:
            first, count = table.leader, table.players
            self._speakers = [(first + step) % count for step in range(count)]
            self._talked += 1

    def _is_mine(self, game: Game) -> bool:
        table, me = game.table, self._dealt.me
        if self._speakers:
            return self._speakers[0] == me
        if table.phase == PROPOSE:
            return table.leader == me
        if table.phase == QUEST:
            return bool(table.team & game.evil & 1 << me)
        return table.phase == VOTE or (table.phase == NAME and game.roles[me] == ASSASSIN)

    def _tell(self, game: Game) -> None:
        """Write what has just become known into the story, and read it."""
        table = game.table
        self._reading.follow(table)
        proposals, missions = self._told
        self._story += [proposal_text(each) for each in table.proposals[proposals:]]
        self._story += [mission_text(table, n) for n in range(missions, len(table.missions))]
        self._told = len(table.proposals), len(table.missions)

    def _say(self, game: Game, speaker: int, words: str) -> None:
        self._speakers.pop(0)
        game.table.said.append((game.table.quest, speaker, words))
        self._story.append(f"Player {speaker + 1} said: {words}")

    def _talk(self, game: Game, action: str) -> None:
        words = " ".join(action.split())
        if not words or len(words) > LONGEST_SPEECH:
            raise ValueError(f"say something of 1 to {LONGEST_SPEECH} characters")
        self._say(game, self._dealt.me, words)

    def _propose(self, game: Game, action: str) -> None:
        game.propose(parse_team(action))

    def _vote(self, game: Game, action: str) -> None:
        mine = _one_of(action, APPROVE, REJECT)
        me, approvals = self._dealt.me, 0
        for player, seen in enumerate(self._seen):
            if mine if player == me else self._players[player].vote(seen, self._rng):
                approvals |= 1 << player
        game.vote(approvals)
        self._tell(game)

    def _play(self, game: Game, action: str) -> None:
        mine = _one_of(action, FAIL, SUCCEED)
        fails = 0
        for player in members(game.table.team & game.evil):
            seen = self._seen[player]
            if mine if player == self._dealt.me else self._players[player].fail(seen, self._rng):
                fails |= 1 << player
        game.play(fails)
        self._tell(game)

    def _name(self, game: Game, action: str) -> None:
        player = parse_name(action)
        if self._seen[self._dealt.me].known.evil >> player & 1:
            raise ValueError("name a player you do not know to be evil")
        game.name(player)

    _moves: Mapping[str, Callable[["Avalon", Game, str], None]] = MappingProxyType(
        {TALK: _talk, PROPOSE: _propose, VOTE: _vote, QUEST: _play, NAME: _name}
    )

    def _show(self, game: Game) -> tuple[str, dict[str, Any]]:
        if game.table.phase == OVER:
            return self._ending(game)
        seen, phase = self._seen[self._dealt.me], self._phase(game)
        notes = Notes(seen, self._reading)
        legal = legal_actions(notes, phase)
        info = {
            "state": state_text(notes, phase),
            "candidates": thoughts(notes, phase),
            "goals": goals(seen.known.is_evil),
            "rules": rules_text(self._cast, self._discussion),
            "phase": phase,
            "view": notes,
        }
        if legal:
            info["legal_actions"] = legal
        return "\n".join([*self._story, asking(seen, phase)]), info

    def _ending(self, game: Game) -> tuple[str, dict[str, Any]]:
        table, won = game.table, self._won(game)
        vocabulary = goals(self._seen[self._dealt.me].known.is_evil)
        named = table.named is not None and game.roles[table.named] == MERLIN
        came = reached(table, won, named)
        outcome = Outcome(
            float(won),
            won,
            reached=came,
            missed=tuple(goal.text for goal in vocabulary if goal.text not in came),
            facts={
                "role": game.roles[self._dealt.me],
                "passed": table.passed,
                "failed": table.failed,
                "merlin_named": named,
            },
        )
        winner = "Evil" if table.winner == EVIL else "Good"
        text = f"{winner} wins: your side {'won' if won else 'lost'}."
        return text, {"outcome": outcome, "goals": vocabulary}


def _one_of(action: str, yes: str, no: str) -> bool:
    """Whether an action is the first of two."""
    plain = " ".join(action.lower().split()).rstrip(".")
    for said, meant in ((yes, True), (no, False)):
        if plain == said.lower().rstrip("."):
            return meant
    raise ValueError(f"say '{yes}' or '{no}'")


WORLD = World(
    id="avalon-v0",
    summary="The Resistance: Avalon: hidden roles, teams, votes, quests, and a hunted Merlin",
    make=Avalon,
    success="the agent's side wins",
    unguided="a random candidate",
    bots={"heuristic": heuristic, "reader": reader, "unguided": unguided},
    collectors=COLLECTORS,
    opponents=TRAINING,
    unseen=UNSEEN,
    seats=2,
    texts=2,
)


def table(**options: Any) -> World:
    """The same world with other options by default, for a `bench` of one role or another table.

    Args:
        options: As for `Avalon.reset`, without those that the plan of a run chooses: `instance`,
            `opponent` and `seat`. With a `role` every episode is played in it; else Servant and
            Merlin take turns.

    Raises:
        ConfigError: If one makes no sense.
    """
    options_of(options)
    own = {"instance", "opponent", "seat"} & set(options)
    if own:
        raise ConfigError(f"the plan of a run chooses {', '.join(sorted(own))}")
    return replace(WORLD, make=partial(Avalon, options), seats=1 if "role" in options else 2)
