"""How far Avalon's hand-written players get: `python tests/benchmarks/avalon_players.py`.

First whole tables of rule-based players: how often good wins, and how often three quests pass. Then
one seat at a time: every hand-written policy in that seat, over the same games of a split, the
others playing as the opponent's name says. Shares of games, with their standard errors.
"""

import argparse
import asyncio
import json
import random
import sys

from forethought.agent.planners.bot import BotPlanner
from forethought.envs.avalon.deals import deal
from forethought.envs.avalon.players import PLAYERS, play_out
from forethought.envs.avalon.rules import GOOD, MERLIN, NEEDED, Game, cast
from forethought.envs.avalon.world import WORLD, table
from forethought.envs.registry import SPLITS
from forethought.envs.rollouts import plan, play


def share(count: int, games: int) -> str:
    part = count / games
    return f"{part:.3f} ± {(part * (1 - part) / games) ** 0.5:.3f}"


def whole_table(players: int, kind: str, games: int, specials: frozenset[str]) -> dict[str, str]:
    rng = random.Random(f"{players} {kind}")
    won = passed = 0
    for number in range(games):
        dealt = deal(SPLITS["test"][number], cast(players, specials), MERLIN)
        game = Game(dealt.roles, dealt.leader)
        won += play_out(game, (PLAYERS[kind],) * players, rng) == GOOD
        passed += game.table.passed == NEEDED
    return {"good wins": share(won, games), "three quests pass": share(passed, games)}


def seat(role: str, arm: str, opponent: str, games: int, split: str) -> str:
    world = table(role=role)
    planned = plan(world, split=split, episodes=games, seed=1, opponents=(opponent,), arm=arm)
    traces = asyncio.run(play(world, BotPlanner(arm, WORLD.bots[arm]), planned))
    won = sum(trace.outcome is not None and trace.outcome.success for trace in traces)
    return share(won, games)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--games", type=int, default=5000, help="games of a whole table")
    parser.add_argument("--episodes", type=int, default=1000, help="games of one seat's policy")
    parser.add_argument("--split", choices=sorted(SPLITS), default="validation")
    given = parser.parse_args()
    report: dict[str, object] = {}
    for players in (5, 6, 7, 8):
        games = given.games if players == 5 else given.games // 10
        for kind in PLAYERS:
            report[f"{players} {kind}"] = whole_table(players, kind, games, frozenset())
    for role in ("Servant", "Merlin", "Minion", "Assassin"):
        for opponent in PLAYERS:
            for arm in WORLD.bots:
                report[f"{role} {arm} against {opponent}"] = seat(
                    role, arm, opponent, given.episodes, given.split
                )
    sys.stdout.write(json.dumps(report, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
