"""The best anybody could do at Avalon's naive table: `tests/benchmarks/avalon_ceiling.py`.

Five players, one Servant or Merlin that knows the naive players' rules by heart and computes, over
all that may be hidden from it and to the end of the game, which action makes three quests likeliest
to pass. Everything is exact: the naive players vote and play cards without chance, and draw their
proposals evenly. The naive Assassin then names Merlin one time in three.

Then games of `rank` with `--critic HEAD`, of a hand-written player with `--bot NAME`, or of the
best player itself; and what share of games its decisions gave away, by phase and quest. That is
exact for each decision, so a few hundred games tell players apart that wins would not.
"""

import argparse
import asyncio
import json
import random
import sys
from collections.abc import Iterable
from functools import cache
from itertools import combinations
from math import gcd

from forethought.agent.planners.bot import BotPlanner
from forethought.agent.planners.rank import Rank
from forethought.agent.protocols import Planner, Turn
from forethought.agent.types import Candidate, Decision, Observation
from forethought.envs.avalon.beliefs import preferred, servant
from forethought.envs.avalon.notes import Notes
from forethought.envs.avalon.rules import (
    MERLIN,
    MOST_REJECTED,
    NEEDED,
    PROPOSE,
    SERVANT,
    TEAM_SIZES,
    Proposal,
    members,
    teams,
)
from forethought.envs.avalon.words import APPROVE, parse_team
from forethought.envs.avalon.world import WORLD, table
from forethought.envs.registry import SPLITS, Bot
from forethought.envs.rollouts import plan, play
from forethought.valuefn.critic import load_critic

PLAYERS, ME = 5, 0
"""The player who computes sits first; others follow in the order of leading."""
SHARES = 2520
"""Weights are whole numbers; every number of teams that a naive player draws from divides this."""
NAMED = 1 / 3
"""How often the naive Assassin names Merlin."""

Hidden = tuple[int, int]
"""Who is Merlin, and the set of evil players."""
Belief = tuple[tuple[Hidden, int], ...]
"""What may be, with its weights."""
Facts = tuple[tuple[int, int], ...]
Place = tuple[Facts, int, int]
"""Quests so far, the leader, and proposals rejected in a row."""


def beginnings(role: str) -> list[Belief]:
    """What a player may believe before the first proposal, each as likely."""
    merlins = (ME,) if role == MERLIN else range(1, PLAYERS)
    hidden = [
        (merlin, 1 << one | 1 << two)
        for merlin in merlins
        for one, two in combinations([p for p in range(1, PLAYERS) if p != merlin], 2)
    ]
    if role == MERLIN:
        return [((each, 1),) for each in hidden]
    return [tuple((each, 1) for each in hidden)]


@cache
def liked(player: int, facts: Facts) -> frozenset[int]:
    """The teams that a naive Servant proposes and approves."""
    return preferred(PLAYERS, servant(player), len(facts), facts)


@cache
def approvals(hidden: Hidden, facts: Facts, team: int) -> int:
    """The others who approve a team that is not the fifth."""
    merlin, evil = hidden
    who = 0
    for player in range(1, PLAYERS):
        if player == merlin:
            fine = not team & evil
        else:
            fine = bool(team & evil) if evil >> player & 1 else team in liked(player, facts)
        who |= fine << player
    return who


@cache
def proposals(hidden: Hidden, facts: Facts, player: int) -> tuple[int, ...]:
    """The teams that another player may propose, each as likely."""
    merlin, evil = hidden
    bit = 1 << player
    if not (evil & bit or player == merlin):
        return tuple(sorted(liked(player, facts)))
    aboard = 1 if evil & bit else 0
    size = TEAM_SIZES[PLAYERS][len(facts)]
    return tuple(t for t in teams(PLAYERS, size) if t & bit and (t & evil).bit_count() == aboard)


def led(belief: Belief, facts: Facts, leader: int) -> dict[int, Belief]:
    """Each team another player may propose, with what is to be believed after it, not yet reduced.

    Weights are multiplied by `SHARES`.
    """
    found: dict[int, list[tuple[Hidden, int]]] = {}
    for hidden, weight in belief:
        may = proposals(hidden, facts, leader)
        for team in may:
            found.setdefault(team, []).append((hidden, weight * SHARES // len(may)))
    return {team: tuple(part) for team, part in found.items()}


def voted(belief: Belief, facts: Facts, team: int) -> dict[int, Belief]:
    """Each way that the others may vote, likewise."""
    found: dict[int, list[tuple[Hidden, int]]] = {}
    for hidden, weight in belief:
        found.setdefault(approvals(hidden, facts, team), []).append((hidden, weight))
    return {who: tuple(part) for who, part in found.items()}


def tested(belief: Belief, team: int) -> dict[int, Belief]:
    """Each number of fail cards that a team may play, likewise: the naive ones play one at most."""
    found: dict[int, list[tuple[Hidden, int]]] = {}
    for hidden, weight in belief:
        found.setdefault(int(bool(hidden[1] & team)), []).append((hidden, weight))
    return {fails: tuple(part) for fails, part in found.items()}


def mass(belief: Belief) -> int:
    """The whole weight."""
    return sum(weight for _, weight in belief)


def reduced(belief: Belief) -> Belief:
    """The same in the smallest numbers, so that equal beliefs are equal."""
    most = gcd(*(weight for _, weight in belief))
    return tuple((hidden, weight // most) for hidden, weight in belief)


class Solver:
    """The chance that three quests pass, with the best play of one player from now on."""

    def __init__(self) -> None:
        self._known: dict[tuple[Place, Belief], float] = {}
        self._votes: dict[tuple[Place, int, Belief], tuple[float, float]] = {}

    def value(self, place: Place, belief: Belief) -> float:
        """Before a proposal."""
        key = place, belief
        if key not in self._known:
            facts, leader, _ = place
            if leader == ME:
                choices = teams(PLAYERS, TEAM_SIZES[PLAYERS][len(facts)])
                worth = max(max(self.votes(place, team, belief)) for team in choices)
            else:
                may = led(belief, facts, leader)
                worth = sum(
                    mass(part) * max(self.votes(place, team, reduced(part)))
                    for team, part in may.items()
                ) / (mass(belief) * SHARES)
            self._known[key] = worth
        return self._known[key]

    def votes(self, place: Place, team: int, belief: Belief) -> tuple[float, float]:
        """Before a vote on a team: of rejecting it, and of approving it."""
        key = place, team, belief
        if key not in self._votes:
            self._votes[key] = self._vote(place, team, belief)
        return self._votes[key]

    def _vote(self, place: Place, team: int, belief: Belief) -> tuple[float, float]:
        facts, leader, rejected = place
        if rejected == MOST_REJECTED - 1:
            worth = self._quest(facts, leader, team, belief)
            return worth, worth
        both = [0.0, 0.0]
        following: Place = facts, (leader + 1) % PLAYERS, rejected + 1
        for who, part in voted(belief, facts, team).items():
            for mine in (0, 1):
                if 2 * (who.bit_count() + mine) > PLAYERS:
                    after = self._quest(facts, leader, team, part)
                else:
                    after = self.value(following, reduced(part))
                both[mine] += mass(part) * after / mass(belief)
        return both[0], both[1]

    def _quest(self, facts: Facts, leader: int, team: int, belief: Belief) -> float:
        worth = 0.0
        for fails, part in tested(belief, team).items():
            after = (*facts, (team, fails))
            failed = sum(each for _, each in after)
            if len(after) - failed == NEEDED:
                worth += mass(part)
            elif failed < NEEDED:
                place = after, (leader + 1) % PLAYERS, 0
                worth += mass(part) * self.value(place, reduced(part))
        return worth / mass(belief)


def turned(team: int, me: int) -> int:
    """A set of players, counted from a player."""
    return sum(1 << (player - me) % PLAYERS for player in members(team))


def believed(notes: Notes) -> Belief:
    """What a player must believe after all proposals and votes, the naive rules being known."""
    known, public = notes.seen.known, notes.seen.table
    evil = turned(known.evil, known.me)
    belief = next(b for b in beginnings(known.role) if not evil or b[0][0][1] == evil)
    facts: Facts = tuple((turned(m.team, known.me), m.fails) for m in public.missions)
    rejected = 0
    for each in public.proposals:
        belief = _told(belief, facts, each, rejected, known.me)
        rejected = 0 if each.approved else rejected + 1
    if public.phase != PROPOSE and (leader := (public.leader - known.me) % PLAYERS) != ME:
        belief = led(belief, facts, leader)[turned(public.team, known.me)]
    return reduced(belief)


def _told(belief: Belief, facts: Facts, each: Proposal, rejected: int, me: int) -> Belief:
    """A belief after one proposal, its vote, and its quest if it went."""
    team, leader = turned(each.team, me), (each.leader - me) % PLAYERS
    before = facts[: each.quest]
    if leader != ME:
        belief = led(belief, before, leader)[team]
    if rejected < MOST_REJECTED - 1:
        belief = voted(belief, before, team)[turned(each.approvals, me) & ~(1 << ME)]
    if each.approved:
        belief = tested(belief, team)[facts[each.quest][1]]
    return reduced(belief)


def worths(solver: Solver, notes: Notes, actions: Iterable[str]) -> dict[str, float]:
    """What each action is worth: the chance that three quests pass, all later play being best."""
    public, me = notes.seen.table, notes.seen.known.me
    facts: Facts = tuple((turned(m.team, me), m.fails) for m in public.missions)
    place: Place = facts, (public.leader - me) % PLAYERS, public.rejected
    belief = believed(notes)
    if public.phase == PROPOSE:
        return {
            action: max(solver.votes(place, turned(parse_team(action), me), belief))
            for action in actions
        }
    both = solver.votes(place, turned(public.team, me), belief)
    return {action: both[action == APPROVE] for action in actions}


def best(solver: Solver) -> Bot:
    """The best player."""

    def act(observation: Observation, rng: random.Random) -> Candidate:
        worth = worths(solver, observation.info["view"], observation.info["legal_actions"])
        action = max(worth, key=worth.__getitem__)
        return next(each for each in observation.candidates if each.action == action)

    return act


class Watched:
    """A planner whose decisions are compared with the best ones."""

    def __init__(self, inner: Planner, solver: Solver) -> None:
        self.name = inner.name
        self._inner, self._solver = inner, solver
        self.lost: dict[str, float] = {}
        """By what was decided: the chances given away, added up."""

    async def decide(self, turn: Turn) -> Decision:
        """Decide as the other planner does."""
        decision = await self._inner.decide(turn)
        info = turn.observation.info
        notes: Notes = info["view"]
        worth = worths(self._solver, notes, info["legal_actions"])
        lost = max(worth.values()) - worth[decision.action]
        said = decision.action if info["phase"] != PROPOSE else ""
        name = " ".join([info["phase"], f"quest {notes.seen.table.quest + 1}", said]).strip()
        self.lost[name] = self.lost.get(name, 0.0) + lost
        return decision


def given_away(role: str, planner: Planner, solver: Solver, given: argparse.Namespace) -> object:
    """Games with a planner in one role, and what its decisions cost."""
    world = table(role=role)
    planned = plan(world, split=given.split, episodes=given.episodes, seed=given.seed)
    watched = Watched(planner, solver)
    traces = asyncio.run(play(world, watched, planned))
    outcomes = [trace.outcome for trace in traces if trace.outcome is not None]
    games = len(outcomes)
    return {
        "games won": round(sum(each.success for each in outcomes) / games, 4),
        "three quests passed": round(sum(e.facts["passed"] == NEEDED for e in outcomes) / games, 4),
        "given away of winning": round(sum(watched.lost.values()) / games * (1 - NAMED), 4),
        "by decision": {
            name: round(lost / games * (1 - NAMED), 4)
            for name, lost in sorted(watched.lost.items(), key=lambda each: -each[1])
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--critic", default="", help="a head, for `rank`")
    parser.add_argument("--bot", default="", choices=["", *WORLD.bots])
    parser.add_argument("--episodes", type=int, default=500, help="games of each role")
    parser.add_argument("--split", choices=sorted(SPLITS), default="validation")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    report: dict[str, object] = {}
    for role in (MERLIN, SERVANT):
        solver = Solver()
        begun = [
            solver.value(((), leader, 0), belief)
            for belief in beginnings(role)
            for leader in range(PLAYERS)
        ]
        pass_best = sum(begun) / len(begun)
        report[role] = {"three quests pass": pass_best, "wins": pass_best * (1 - NAMED)}
        planner: Planner = BotPlanner("best", best(solver))
        if given.critic:
            planner = Rank(load_critic(given.critic))
        elif given.bot:
            planner = BotPlanner(given.bot, WORLD.bots[given.bot])
        report[f"{role}, {planner.name}"] = given_away(role, planner, solver, given)
    sys.stdout.write(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
