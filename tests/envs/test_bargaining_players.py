import math
import random
from collections import Counter
from collections.abc import Iterator
from statistics import fmean

import pytest

from forethought.agent.types import Observation
from forethought.envs.bargaining.beliefs import View, believed, likely_values, value_to_them
from forethought.envs.bargaining.instances import all_instances, split_instances
from forethought.envs.bargaining.opponents import OPPONENTS, RESERVATION, TRAINING, UNSEEN
from forethought.envs.bargaining.rules import (
    MAX_TURNS,
    Bundle,
    Game,
    bundles,
    compatible,
    rest,
    value_vectors,
    worth,
)
from forethought.envs.bargaining.sparring import SPARRING
from forethought.envs.bargaining.text import AGREE, legal_actions, thoughts
from forethought.envs.bargaining.world import (
    WORLD,
    Bargaining,
    aspiration,
    heuristic,
    unguided,
)
from forethought.envs.rollouts import plan

BETAS = {"boulware": 0.3, "linear": 1.0, "conceder": 3.0}

BELIEF_ERROR = 1.2
"""Points by which the expected value of a bundle may be off, on average over bundles and turns."""


def games(seed: int, count: int) -> Iterator[tuple[Game, random.Random]]:
    """Games with random offers so far, with a generator each."""
    rng = random.Random(seed)
    for _ in range(count):
        game = Game(rng.choice(all_instances()))
        for _ in range(rng.randrange(MAX_TURNS)):
            game.offer(rng.choice(bundles(game.instance.pool)))
        yield game, random.Random(rng.random())


def offered(game: Game) -> int:
    own = game.instance.values[game.player]
    return worth(own, rest(game.instance.pool, game.offers[-1])) if game.offers else 0


def answer_fits(game: Game, answer: Bundle | None, wanted: float) -> None:
    own = game.instance.values[game.player]
    if game.offers and offered(game) >= wanted:
        assert answer is None
        return
    assert answer is not None
    enough = [worth(own, b) for b in bundles(game.instance.pool) if worth(own, b) >= wanted]
    assert worth(own, answer) == min(enough)


@pytest.mark.parametrize("name", BETAS)
def test_time_based_opponents_follow_their_curve(name: str) -> None:
    for game, rng in games(1, 600):
        time = len(game.offers) / 9
        wanted = 10 - 7 * time ** (1 / BETAS[name])
        assert wanted >= RESERVATION - 1e-9
        answer_fits(game, OPPONENTS[name](game, rng), wanted)


def test_the_curves_part_in_the_middle_and_meet_at_the_ends() -> None:
    pool = (1, 1, 5)
    instance = next(i for i in all_instances() if i.pool == pool and i.values[1] == (5, 5, 0))
    for at, ordered in ((0, False), (5, True), (9, False)):
        asks = []
        for name in ("boulware", "linear", "conceder"):
            game = Game(instance)
            for _ in range(at):
                game.offer((1, 1, 5))
            take = OPPONENTS[name](game, random.Random(0))
            assert take is not None
            asks.append(worth(instance.values[game.player], take))
        assert (asks[0] > asks[2]) == ordered
        assert asks == sorted(asks, reverse=True)


def test_tit_for_tat_gives_up_what_the_other_has_come_towards_it() -> None:
    for game, rng in games(2, 600):
        own = game.instance.values[game.player]
        left = [worth(own, rest(game.instance.pool, b)) for b in game.offers[1 - game.player :: 2]]
        came = max(left) - left[0] if left else 0
        answer_fits(game, OPPONENTS["tit-for-tat"](game, rng), max(RESERVATION, 10 - came))


def test_tit_for_tat_gives_nothing_for_nothing() -> None:
    game = Game(all_instances()[7])
    for _ in range(4):
        game.offer(game.instance.pool)
        take = OPPONENTS["tit-for-tat"](game, random.Random(3))
        assert take is not None
        assert worth(game.instance.values[1], take) == 10
        game.offer(take)


@pytest.mark.parametrize("name", [*BETAS, "tit-for-tat"])
def test_no_opponent_but_random_goes_below_its_reservation(name: str) -> None:
    for game, rng in games(3, 400):
        own = game.instance.values[game.player]
        answer = OPPONENTS[name](game, rng)
        got = offered(game) if answer is None else worth(own, answer)
        assert got >= RESERVATION


def test_micro_makes_one_bid_of_its_own_for_every_new_one() -> None:
    for game, rng in games(8, 600):
        own, pool = game.instance.values[game.player], game.instance.pool
        made = set(game.offers[game.player :: 2])
        heard = set(game.offers[1 - game.player :: 2])
        fresh = [worth(own, b) for b in bundles(pool) if b not in made]
        gives_way = len(made) <= len(heard) and max(fresh) >= RESERVATION
        wanted = max(fresh) if gives_way else min(worth(own, b) for b in made)
        answer = OPPONENTS["micro"](game, rng)
        if game.offers and offered(game) >= wanted:
            assert answer is None
        elif gives_way:
            assert answer is not None
            assert answer not in made
            assert worth(own, answer) == wanted
        else:
            assert answer in made


def test_micro_waits_for_who_repeats_an_offer_and_goes_on_with_who_makes_new_ones() -> None:
    instance = next(i for i in all_instances() if i.pool == (1, 1, 5) and i.values[0] == (5, 5, 0))
    for takes, expected in (
        ([(0, 1, 0)] * 4, 2),
        ([(0, 1, 0), (0, 1, 1), (0, 1, 2), (0, 1, 3)], 5),
    ):
        game = Game(instance)
        for take in takes:
            ask = OPPONENTS["micro"](game, random.Random(0))
            assert ask is not None
            game.offer(ask)
            game.offer((1, *take[1:]))
        ask = OPPONENTS["micro"](game, random.Random(0))
        assert ask is not None
        assert len({*game.offers[::2], ask}) == expected


def test_micro_keeps_to_its_reservation() -> None:
    rng = random.Random(6)
    for _ in range(300):
        game = Game(rng.choice(all_instances()))
        while not game.over:
            answer = OPPONENTS["micro"](game, rng)
            own = game.instance.values[game.player]
            assert (offered(game) if answer is None else worth(own, answer)) >= RESERVATION
            if answer is None:
                break
            game.offer(answer)
            if not game.over:
                game.offer(rng.choice(bundles(game.instance.pool)))


@pytest.mark.parametrize("name", SPARRING)
def test_partners_for_training_keep_to_the_rules_and_to_one_temper(name: str) -> None:
    tempers = set()
    for seed in range(40):
        answers = []
        for game, _ in games(9, 12):
            act = SPARRING[name](random.Random(seed))
            answer = act(game, random.Random(1))
            assert answer is None or answer in bundles(game.instance.pool)
            assert answer == act(game, random.Random(1))
            if answer is None:
                assert game.offers
                assert offered(game) > 0
            answers.append(answer)
        tempers.add(tuple(answers))
    assert len(tempers) > 2


def test_nobody_kept_for_tests_is_met_in_training() -> None:
    assert not {*UNSEEN} & {*WORLD.opponents, *WORLD.sparring, *SPARRING}
    assert {*WORLD.opponents} < {*WORLD.sparring}
    turns = len(WORLD.sparring) * WORLD.seats
    assert math.gcd(len(WORLD.collectors), turns) == 1


def test_random_takes_every_legal_action_about_as_often() -> None:
    game = Game(all_instances()[0])
    rng = random.Random(4)
    first = {OPPONENTS["random"](game, rng) for _ in range(1000)}
    assert first == set(bundles(game.instance.pool))
    game.offer((0, 0, 0))
    actions = [OPPONENTS["random"](game, rng) for _ in range(200 * (len(first) + 1))]
    counts = Counter(actions)
    assert set(counts) == {*first, None}
    assert all(130 < n < 270 for n in counts.values())


def test_ties_are_broken_by_the_generator_given() -> None:
    some = list(games(5, 200))
    for name, opponent in OPPONENTS.items():
        answers = [[opponent(g, random.Random(s)) for g, _ in some] for s in (0, 0, 1)]
        assert answers[0] == answers[1]
        assert answers[0] != answers[2], name
    assert (*TRAINING, *UNSEEN) == tuple(OPPONENTS)


def views(opponent: str, count: int) -> Iterator[tuple[View, Bundle]]:
    """What a random player saw on training instances at its turns, with the other's values."""
    rng = random.Random(f"views {opponent}")
    for _ in range(count):
        instance = rng.choice(split_instances("train"))
        seat = rng.randrange(2)
        game = Game(instance)
        while not game.over:
            if game.player != seat:
                take = OPPONENTS[opponent](game, rng)
                if take is None:
                    break
                game.offer(take)
                continue
            if game.offers:
                yield (
                    View(instance.pool, instance.values[seat], seat, tuple(game.offers), 10),
                    instance.values[1 - seat],
                )
            game.offer(rng.choice(bundles(instance.pool)))


def error(likely: tuple[float, float, float], values: Bundle, pool: Bundle) -> float:
    return fmean(abs(value_to_them(likely, b) - worth(values, b)) for b in bundles(pool))


@pytest.mark.parametrize("opponent", [*BETAS, "tit-for-tat", "micro"])
def test_beliefs_come_nearer_to_the_truth_than_knowing_nothing(opponent: str) -> None:
    found = list(views(opponent, 400))
    after = fmean(error(likely_values(v), values, v.pool) for v, values in found)
    prior = fmean(
        error(likely_values(View(v.pool, v.mine, v.seat, (), 10)), values, v.pool)
        for v, values in found
    )
    assert after < BELIEF_ERROR
    assert after < 0.8 * prior


def test_beliefs_are_an_expectation_over_what_the_rule_allows() -> None:
    for opponent in OPPONENTS:
        for view, _ in views(opponent, 40):
            likely = likely_values(view)
            assert value_to_them(likely, view.pool) == pytest.approx(10)
            vectors = [v for v in value_vectors(view.pool) if compatible(view.mine, v)]
            for kind in range(3):
                column = [v[kind] for v in vectors]
                assert min(column) - 1e-9 <= likely[kind] <= max(column) + 1e-9
            untold = likely_values(View(view.pool, view.mine, view.seat, (), 10))
            assert untold == pytest.approx([fmean(v[k] for v in vectors) for k in range(3)])


def test_asks_drawn_by_chance_are_told_from_meant_ones() -> None:
    for opponent, drawn in (("random", True), *((name, False) for name in BETAS)):
        late = [believed(v).by_chance for v, _ in views(opponent, 300) if len(v.their_asks) > 3]
        assert (fmean(late) > 0.8) == drawn
        assert (fmean(late) < 0.2) == (not drawn)


def test_an_own_offer_without_an_answer_says_nothing() -> None:
    for view, _ in views("linear", 40):
        waiting = View(view.pool, view.mine, view.seat, (*view.offers, view.pool), 10)
        assert likely_values(waiting) == likely_values(view)


def heard(view: View) -> Observation:
    """An observation that holds a view and the legal candidates, and nothing else."""
    return Observation("", candidates=thoughts(view), info={"view": view})


def test_the_heuristic_agrees_to_what_meets_its_aspiration_and_else_asks_for_it() -> None:
    for opponent in OPPONENTS:
        for view, _ in views(opponent, 40):
            choice = heuristic(heard(view), random.Random(0))
            wanted = aspiration(view)
            good = view.offered >= wanted or (view.last_chance and view.offered > 0)
            assert (choice.action == AGREE) == good
            assert choice.action in legal_actions(view)
            if choice.action != AGREE:
                asked = float(choice.thought.split()[3])
                assert asked >= wanted
                rivals = [c for c in thoughts(view)[1:] if float(c.thought.split()[3]) >= wanted]
                left = [float(c.thought.split("about ")[1].split(",")[0]) for c in rivals]
                mine = float(choice.thought.split("about ")[1].split(",")[0])
                assert mine == max(left)


def test_the_heuristic_beats_random_play_by_far() -> None:
    episodes = plan(WORLD, split="validation", episodes=400, seed=3)
    means = []
    for policy in (heuristic, unguided):
        rewards = []
        for episode in episodes:
            rng = random.Random(episode.seed)
            env = Bargaining()
            text, info = env.reset(
                seed=episode.seed,
                options={
                    "instance": episode.instance,
                    "seat": episode.seat,
                    "opponent": episode.opponent,
                },
            )
            over, reward = False, 0.0
            while not over:
                seen = Observation(text, candidates=info["candidates"], info=info)
                text, reward, over, _, info = env.step(policy(seen, rng).action or "")
            rewards.append(reward)
        means.append(fmean(rewards))
    assert means[0] > means[1] + 0.2
    assert means[0] > 0.68
