import random

import pytest

from forethought.agent.planners.bot import BotPlanner
from forethought.envs.bargaining.instances import all_instances, instance_by_number
from forethought.envs.bargaining.rules import Game, Instance, bundles, rest, worth
from forethought.envs.bargaining.surplus import best_joint, deal_facts, frontier
from forethought.envs.bargaining.text import AGREE
from forethought.envs.bargaining.world import WORLD, Bargaining
from forethought.envs.rollouts import plan, play
from forethought.envs.scores import summarise

BOTH_WAYS = Instance((2, 2, 1), ((4, 0, 2), (0, 4, 2)))
"""One wants the books, the other the hats, and both the ball: 18 points are to be had."""


def ended(take: tuple[int, int, int], offers: int, *, agreed: bool, discount: float = 1.0) -> Game:
    game = Game(BOTH_WAYS, discount=discount)
    for _ in range(offers):
        game.offer(take)
    if agreed:
        game.agree()
    return game


def test_a_deal_that_gives_each_what_only_it_wants_is_all_there_is() -> None:
    assert best_joint(BOTH_WAYS) == 18
    assert frontier(BOTH_WAYS) == {(10, 8), (8, 10)}
    assert deal_facts(ended((2, 0, 1), 1, agreed=True)) == {"joint": 1.0, "pareto": True}
    # asked for by player 1, who keeps the hats
    assert deal_facts(ended((0, 2, 1), 2, agreed=True)) == {"joint": 1.0, "pareto": True}
    assert deal_facts(ended((2, 0, 1), 2, agreed=True)) == {"joint": 2 / 18, "pareto": False}


def test_no_deal_is_worth_nothing_and_a_discount_is_lost() -> None:
    assert deal_facts(ended((2, 0, 1), 10, agreed=False)) == {"joint": 0.0, "pareto": False}
    late = deal_facts(ended((2, 0, 1), 3, agreed=True, discount=0.5))
    assert late == {"joint": pytest.approx(0.25), "pareto": True}


def test_the_frontier_is_what_nobody_can_better() -> None:
    rng = random.Random(0)
    for instance in rng.sample(all_instances(), 60):
        one, other = instance.values
        pairs = [
            (worth(one, b), worth(other, rest(instance.pool, b))) for b in bundles(instance.pool)
        ]
        best = frontier(instance)
        assert best_joint(instance) == max(map(sum, pairs))
        for pair in pairs:
            bettered = any(a >= pair[0] and b >= pair[1] and (a, b) != pair for a, b in pairs)
            assert (pair in best) != bettered


@pytest.mark.parametrize("seat", [0, 1])
def test_a_discount_counts_from_the_third_action_for_either_seat(seat: int) -> None:
    env = Bargaining()
    options = {"seat": seat, "opponent": "conceder", "instance": 12, "discount": 0.8}
    _, info = env.reset(seed=4, options=options)
    assert "Of every point 1.00 is left" in info["state"]
    for _ in range(2):
        everything = info["legal_actions"][-1]
        info = env.step(everything)[-1]
    view = info["view"]
    left = 0.8 ** (len(view.offers) - 1)
    assert f"Of every point {left:.2f} is left, {left * 0.8:.2f} next turn." in info["state"]
    _, reward, over, _, info = env.step(AGREE)
    assert over
    assert reward == pytest.approx(view.offered / 10 * left)
    whole = instance_by_number(12)
    facts = info["outcome"].facts
    both = view.offered + worth(whole.values[1 - seat], view.their_asks[-1])
    assert facts["joint"] == pytest.approx(both * left / best_joint(whole))


async def test_a_report_states_the_means_of_each_arm() -> None:
    episodes = plan(WORLD, split="validation", episodes=8, seed=0)
    played = {
        name: await play(WORLD, BotPlanner(name, bot), episodes) for name, bot in WORLD.bots.items()
    }
    report = summarise(WORLD, played, seed=0)
    for name, traces in played.items():
        found = [trace.outcome.facts for trace in traces if trace.outcome is not None]
        joint = sum(v for facts in found if isinstance(v := facts["joint"], float)) / 8
        assert report.arms[name].facts["joint"].mean == pytest.approx(joint)
        share = sum(f["pareto"] is True for f in found) / 8
        assert report.arms[name].facts["pareto"].mean == share
