import os
import random
from collections.abc import Callable
from typing import Any

import pytest

from forethought.agent.errors import ConfigError, UnknownName
from forethought.envs.check import check_environment
from forethought.envs.registry import get_world

textarena = pytest.importorskip(
    "textarena", reason="needs TextArena: pip install 'forethought[textarena]'"
)

from forethought.envs.bridges.textarena import TextArena  # noqa: E402
from forethought.envs.bridges.textarena_game import Game  # noqa: E402

TRADES, RECRUIT, MAFIA = "SimpleNegotiation-v0", "NewRecruit-v0", "SecretMafia-v0"
USED_CAR, TABLE = "UsedCarNegotiation-v0", "ScorableGames-v0"
SAID: dict[str, list[str]] = {
    TRADES: ["[Accept]", "[Deny]", "[Offer: 1 Ore -> 1 Brick]", "[Offer: 99 Ore -> 1 Brick]", "hm"],
    RECRUIT: ["[Propose] EEAAAEEE", "[Propose] DEAAAEEE", "[Reject]"],
    MAFIA: ["[0]", "[3]", "[5]", "I suspect player 2.", "hm"],
    USED_CAR: ["[Offer: 8500]", "[Offer: $8,500]", "[Accept]", "[Discuss: Nice car.]", "hm"],
    TABLE: ["[Accept]", "[Reject]", "[Propose] A1 B1 C1 D1 E1", "[Propose] A3 B2 C1 D2 E1", "hm"],
}
with_data = pytest.mark.skipif(
    not os.environ.get("FORETHOUGHT_DATA"), reason="FORETHOUGHT_DATA is not set"
)
EVERY = [pytest.param(name, marks=with_data if name in {USED_CAR, TABLE} else ()) for name in SAID]


def every_side(name: str) -> list[dict[str, Any]]:
    world = get_world(f"textarena:{name}")
    sides = [{"seat": seat} for seat in range(world.seats)]
    return [{}, *sides, *({"opponent": one} for one in (*world.opponents, *world.unseen))]


@pytest.mark.parametrize("name", EVERY)
def test_the_world_keeps_its_contract(name: str) -> None:
    options = every_side(name)
    check_environment(
        get_world(f"textarena:{name}").make,
        episodes=len(options),
        options=options,
        actions=SAID[name],
        max_steps=400,
    )


def play(env: Any, seed: int, options: dict[str, Any], choose: Any = None) -> tuple[float, Any]:
    rng = random.Random(seed)
    _, info = env.reset(seed=seed, options=options)
    while True:
        pick = choose or (lambda info, rng: rng.choice(info["candidates"]).action)
        _, reward, over, _, info = env.step(pick(info, rng))
        if over:
            return reward, info["outcome"]


@pytest.mark.parametrize("name", EVERY)
def test_candidates_are_never_refused(name: str) -> None:
    env = get_world(f"textarena:{name}").make()
    for seed, options in enumerate(every_side(name)):
        _, outcome = play(env, seed, options)
        assert outcome.facts["invalid_moves"] == 0
        assert outcome.facts["others_invalid_moves"] == 0


@pytest.mark.parametrize("name", [TRADES, RECRUIT])
def test_the_original_pays_the_same_for_the_same_moves(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = get_world(f"textarena:{name}").make()
    for seed in range(6):
        seat = seed % 2
        env.reset(seed=seed, options={"instance": 70 + seed, "seat": seat})
        moves = spied(env, monkeypatch)
        reward, _ = finish(env, random.Random(seed))
        raw = textarena.make(f"{name}-raw")
        before = random.getstate()
        raw.reset(num_players=2, seed=70 + seed)
        done = False
        if seat == 1:
            raw.step(moves.pop(0))
        for move in moves:
            assert not done
            done, _ = raw.step(move)
        random.setstate(before)
        assert done
        assert raw.close()[0][seat] == reward


def spied(env: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every move from now on; in seat 1, the first one was made before."""
    inner, moves = env._env, []
    moves += [text for who, text in inner.state.logs if who == 0]
    original: Callable[[str], Any] = inner.step

    def step(action: str) -> Any:
        moves.append(action)
        return original(action)

    monkeypatch.setattr(inner, "step", step)
    return moves


def finish(env: Any, rng: random.Random) -> tuple[float, Any]:
    while True:
        action = rng.choice(env._last["candidates"]).action
        _, reward, over, _, info = env.step(action)
        if over:
            return reward, info["outcome"]


def test_breaking_rules_is_counted_and_loses() -> None:
    env = TextArena(TRADES)
    env.reset(seed=1, options={"seat": 0})
    _, reward, over, _, info = env.step("[Offer: 99 Ore -> 1 Brick]")
    assert info["invalid"] is True
    assert not over
    _, reward, over, _, info = env.step("[Offer: 99 Ore -> 1 Brick]")
    assert (reward, over) == (-1.0, True)
    assert info["invalid"] is True
    assert info["outcome"].facts["ended_by_rule_breaking"] is True
    assert info["outcome"].facts["invalid_moves"] == 2
    assert info["outcome"].reached == ("I lose the game.",)


def test_partial_credit_for_a_broken_rule_is_no_success() -> None:
    env = TextArena("PegJump-v0")
    env.reset(seed=1)
    env.step("[nothing]")
    _, reward, over, _, info = env.step("[nothing]")
    assert over
    assert reward == pytest.approx(1 / 14)
    assert info["outcome"].facts["ended_by_rule_breaking"] is True
    assert not info["outcome"].success
    assert info["outcome"].reached == ("I lose the game.",)


def test_nobody_accepts_an_own_stale_offer() -> None:
    silent = Game(players=2, opponents={"silent": lambda env, seat, rng: "[Deny]"})
    plain = TextArena(TRADES, silent)
    plain.reset(seed=2, options={"seat": 0})
    plain.step("[Offer: 1 Wheat -> 1 Ore]")
    text, *_ = plain.step("[Accept]")
    assert "accepted the trade offer from Player 0" in text
    guarded = TextArena(TRADES)
    guarded.reset(seed=2, options={"seat": 0, "opponent": "greedy"})
    guarded.step("[Offer: 1 Wheat -> 9 Ore]")
    guarded._env.state.game_state["current_offer"] = {
        "from_player": 0,
        "to_player": 1,
        "offered_resources": {"Wheat": 1},
        "requested_resources": {"Ore": 1},
    }
    text, reward, over, _, info = guarded.step("Fine. [Accept]")
    assert "your own" in text
    assert info["invalid"] is True
    assert (reward, over) == (0.0, False)


@with_data
def test_no_deal_does_not_pay_more_than_a_good_deal() -> None:
    env = TextArena(TABLE)
    reward, outcome = play(env, 3, {"opponent": "hard"}, lambda info, rng: propose_best(info))
    assert outcome.facts["agreed"] is False
    assert outcome.facts["textarena_reward"] == outcome.facts["least"] >= 30
    assert reward == 0
    assert not outcome.success


def propose_best(info: dict[str, Any]) -> str:
    """Its own best deal again and again; a rejection where that is the open one."""
    acts = [str(c.action) for c in info["candidates"]]
    return next((a for a in acts if a == "[Reject]"), acts[-1])


@with_data
def test_prices_that_the_original_misreads_are_refused() -> None:
    env = TextArena(USED_CAR)
    env.reset(seed=4)
    for said in ("[Offer: $8,500]", "[Offer: 50000]", "[Offer: cheap]"):
        text, _, over, _, info = env.step(said)
        assert "plain digits" in text
        assert info["invalid"] is True
        assert not over
    mute = {"mute": lambda env, seat, rng: "[Discuss: hm]"}
    raw = TextArena(USED_CAR, Game(players=2, opponents=mute, data=env.game.data))
    raw.reset(seed=4)
    text, *_ = raw.step("[Offer: $8,500]")
    assert "proposed a price of $8." in text


@with_data
def test_an_offer_left_open_at_the_end_is_no_deal() -> None:
    env = TextArena(USED_CAR)

    def talk(info: dict[str, Any], rng: random.Random) -> str:
        return "[Discuss: Let me think.]"

    reward, outcome = play(env, 5, {"opponent": "boulware"}, talk)
    assert outcome.facts["textarena_reward"] > 0
    assert reward == 0
    assert outcome.facts["agreed"] is False


def test_the_files_its_wheel_lacks_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORETHOUGHT_DATA", raising=False)
    with pytest.raises(ConfigError, match="set FORETHOUGHT_DATA to the folder that holds"):
        TextArena(USED_CAR).reset(seed=1)


def test_what_the_agent_reads_does_not_depend_on_what_it_may_not_know() -> None:
    env = TextArena(TRADES)
    for seed in range(5):
        env.reset(seed=seed, options={"seat": seed % 2})
        game, hidden = env.game, env._env.state.game_state
        told = game.state(env._env, seed % 2), game.candidates(env._env, seed % 2)
        hidden["player_values"][1 - seed % 2] = dict.fromkeys(hidden["player_values"][0], 17)
        hidden["player_resources"][1 - seed % 2] = dict.fromkeys(hidden["player_values"][0], 3)
        assert (game.state(env._env, seed % 2), game.candidates(env._env, seed % 2)) == told
    env = TextArena(MAFIA)
    for seed in range(20):
        env.reset(seed=seed, options={"seat": 2})
        inner = env._env
        if inner.player_roles[2] == "Mafia":
            continue
        told = env.game.state(inner, 2), env.game.candidates(inner, 2)
        others = [one for one in range(7) if one != 2]
        roles = [inner.player_roles[one] for one in others]
        inner.player_roles.update(zip(others, reversed(roles), strict=True))
        assert (env.game.state(inner, 2), env.game.candidates(inner, 2)) == told


def test_nobody_dies_in_mafia_before_the_first_decision() -> None:
    env = TextArena(MAFIA)
    roles = set()
    for seed in range(40):
        _, info = env.reset(seed=seed, options={"seat": seed % 7})
        assert info["candidates"]
        roles.add(env._env.player_roles[seed % 7])
    assert roles == {"Mafia", "Doctor", "Detective", "Villager"}


def test_other_games_play_with_players_from_python() -> None:
    def first_free(env: Any, seat: int, rng: random.Random) -> str:
        board = env.state.game_state["board"]
        return f"[{rng.choice([n for n in range(9) if board[n // 3][n % 3] == ''])}]"

    game = Game(players=2, opponents={"anywhere": first_free})
    env = TextArena("TicTacToe-v0", game)
    ended = set()
    for seed in range(12):
        env.reset(seed=seed, options={"seat": seed % 2})
        over = False
        rng = random.Random(seed)
        while not over:
            _, reward, over, _, _ = env.step(first_free(env._env, seed % 2, rng))
        ended.add(reward)
    assert {1.0, -1.0} <= ended


@pytest.mark.parametrize(
    ("name", "options", "error", "words"),
    [
        ("SimpleNegotiatoin-v0", {}, UnknownName, "did you mean 'SimpleNegotiation-v0"),
        ("UsedCar-v0-balanced", {}, ConfigError, "cannot load it"),
        ("TicTacToe-v0", {}, ConfigError, "cannot begin with 1 players"),
        (TRADES, {"seat": 2}, ConfigError, "seat must be 0 or 1"),
        (TRADES, {"opponent": "eagre"}, UnknownName, "did you mean 'eager'"),
        (TRADES, {"turns": 2}, ConfigError, "no option turns"),
    ],
)
def test_what_cannot_be_is_one_clear_line(
    name: str, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        get_world(f"textarena:{name}").make().reset(seed=1, options=options)
    assert "\n" not in str(caught.value)


def test_what_a_game_prints_stays_inside(capsys: pytest.CaptureFixture[str]) -> None:
    play(TextArena(RECRUIT), 1, {})
    assert capsys.readouterr().out == ""
