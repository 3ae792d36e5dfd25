import random
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from forethought.agent.errors import ConfigError, EnvironmentFailed
from forethought.agent.types import Candidate, Goal, Outcome
from forethought.envs.check import check_environment, shown
from forethought.envs.signpost import Signpost

Result = tuple[str, float, bool, bool, dict[str, Any]]
WON, LOST = Goal("I win."), Goal("I lose.", kind="feared")


class Dice:
    """Three rolls, each bet on; sound in every way. What is broken below overrides one method."""

    id = "dice-v0"

    def __init__(self) -> None:
        self._rng = random.Random(0)
        self._left = 0
        self._won = 0
        self.secret = 0

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        self._rng = random.Random(f"dice {seed}")
        self._left, self._won = 3, 0
        self.secret = self._rng.randrange(6)
        return self.text(), self.info()

    def step(self, action: str) -> Result:
        if not self._left:
            raise ConfigError("call reset before step")
        if action not in {"low", "high"}:
            return self.refuse()
        gained = float((action == "high") == (self.secret > 2))
        self._won += int(gained)
        self._left -= 1
        self.secret = self._rng.randrange(6)
        if self._left:
            return self.text(), gained, False, False, self.info()
        return "It is over.", gained, True, False, self.ending()

    def text(self) -> str:
        return f"{self._left} rolls are left, {self._won} were won."

    def info(self) -> dict[str, Any]:
        return {
            "state": f"Won {self._won}.",
            "candidates": tuple(Candidate(f"I bet {a}.", action=a) for a in ("low", "high")),
            "legal_actions": ("low", "high"),
            "goals": (WON, LOST),
            "rules": "Bet on dice.",
        }

    def refuse(self) -> Result:
        return "Bet low or high.", 0.0, False, False, self.info() | {"invalid": True}

    def ending(self) -> dict[str, Any]:
        won = self._won > 1
        told = (WON.text, LOST.text) if won else (LOST.text, WON.text)
        outcome = Outcome(float(self._won), won, reached=told[:1], missed=told[1:])
        return {"outcome": outcome}


def outcome(**changes: Any) -> Callable[[Dice], dict[str, Any]]:
    def ending(self: Dice) -> dict[str, Any]:
        right = Dice.ending(self)["outcome"]
        facts = {"reached": right.reached, "missed": right.missed, "reward": right.reward} | changes
        return {
            "outcome": Outcome(
                facts["reward"],
                right.success,
                **{name: facts[name] for name in ("reached", "missed")},
            )
        }

    return ending


def info(**changes: Any) -> Callable[[Dice], dict[str, Any]]:
    return lambda self: Dice.info(self) | changes


def refuse(**changes: Any) -> Callable[[Dice], Result]:
    def refused(self: Dice) -> Result:
        text, reward, over, _, told = Dice.refuse(self)
        return (
            text,
            changes.pop("reward", reward),
            over,
            False,
            {k: v for k, v in (told | changes).items() if v is not None},
        )

    return refused


def careless_step(self: Dice, action: str) -> Result:
    if not self._left:
        return "Nothing.", 0.0, True, False, {}
    return Dice.step(self, action)


def failing_step(self: Dice, action: str) -> Result:
    if not self._left:
        raise AttributeError("no rolls")
    return Dice.step(self, action)


def deaf_after_the_end(self: Dice, action: str) -> Result:
    if not self._left and self._rng.random() != random.Random(0).random():
        return "It is over.", 0.0, True, False, self.ending()
    return Dice.step(self, action)


def endless_step(self: Dice, action: str) -> Result:
    self._left += self._left == 1 and action == "low"
    if self._left == 1 and action == "high":
        self._left = 2
    return Dice.step(self, action)


def late_failing_step(self: Dice, action: str) -> Result:
    if self._left == 1 and action in {"low", "high"}:
        raise KeyError("lost the\ndice")
    return Dice.step(self, action)


def choosy_step(self: Dice, action: str) -> Result:
    return self.refuse() if self._left and action == "high" else Dice.step(self, action)


def moving_refusal(self: Dice) -> Result:
    self.secret = self._rng.randrange(6)
    return Dice.refuse(self)


def stale_reset(self: Dice, **given: Any) -> tuple[str, dict[str, Any]]:
    fresh = self._rng
    shown_now = Dice.reset(self, **given)
    self._rng = fresh
    return shown_now


def seedless_reset(self: Dice, **given: Any) -> tuple[str, dict[str, Any]]:
    return Dice.reset(self, seed=0)


def drawing_text(self: Dice) -> str:
    random.getrandbits(3)
    return Dice.text(self)


def numpy_text(self: Dice) -> str:
    np.random.rand()  # noqa: NPY002 - what a careless world does
    return Dice.text(self)


def five_values(self: Dice, action: str) -> Any:
    return (
        Dice.step(self, action)[:4] if self._left and action == "low" else Dice.step(self, action)
    )


def odd_reward(self: Dice, action: str) -> Any:
    text, _, *others = Dice.step(self, action)
    return text, float("nan"), *others


def odd_flags(self: Dice, action: str) -> Any:
    text, reward, over, _, told = Dice.step(self, action)
    return text, reward, int(over), False, told


BROKEN: list[tuple[str, dict[str, Any], str]] = [
    ("step out of order", {"step": careless_step}, "step before reset must raise ConfigError"),
    ("step fails", {"step": failing_step}, "must raise ConfigError, not AttributeError"),
    ("after", {"step": deaf_after_the_end}, "step after the end must raise ConfigError"),
    ("raises", {"step": late_failing_step}, "step raised KeyError: 'lost the"),
    ("no text", {"text": lambda self: ""}, "a text that is not empty, not ''"),
    ("reset", {"reset": lambda self, **given: "hello"}, "reset must return text and info"),
    ("info", {"info": lambda self: []}, "return info as a dict, not list"),
    ("four values", {"step": five_values}, "step must return text, reward, terminated"),
    ("reward", {"step": odd_reward}, "the reward must be a finite number, not nan"),
    ("flags", {"step": odd_flags}, "terminated and truncated must be True or False"),
    ("state", {"info": info(state=3)}, r"info\['state'\] must be a str, not 3"),
    ("rules", {"info": info(rules=None)}, r"info\['rules'\] must be a str, not None"),
    ("facts", {"info": info(facts=[1])}, r"info\['facts'\] must be a Mapping"),
    ("legal", {"info": info(legal_actions="low")}, r"info\['legal_actions'\] must be a tuple"),
    ("goals", {"info": info(goals=("I win.",))}, r"info\['goals'\] must be a tuple of Goal"),
    ("twice", {"info": info(goals=(WON, WON))}, r"info\['goals'\] names something twice"),
    (
        "unbound",
        {"info": info(candidates=(Candidate("I cheat.", action="six"),))},
        "the action of candidate 'I cheat.' is not legal",
    ),
    ("early outcome", {"info": info(outcome=None)}, "only be there once the episode has ended"),
    ("legal refused", {"step": choosy_step}, "the legal action 'high' was refused"),
    ("unmarked", {"refuse": refuse(invalid=None)}, r"must set info\['invalid'\] to True"),
    ("costly", {"refuse": refuse(reward=-1.0)}, "must not end the episode nor change the reward"),
    ("new choices", {"refuse": refuse(candidates=())}, r"leave info\['candidates'\] as it was"),
    ("new state", {"refuse": refuse(state="Hm.")}, r"leave info\['state'\] as it was"),
    ("progress", {"refuse": moving_refusal}, "must not change how the episode goes on"),
    ("endless", {"step": endless_step}, "no episode may take more than 50 steps"),
    ("no outcome", {"ending": lambda self: {}}, "must give an Outcome"),
    ("sum", {"ending": outcome(reward=9.0)}, "the outcome says reward 9, the steps gave"),
    ("both", {"ending": outcome(reached=(WON.text, LOST.text))}, "is both reached and missed"),
    (
        "untold",
        {"ending": outcome(reached=(), missed=(WON.text,))},
        "whether 'I lose.' was reached",
    ),
    (
        "unannounced",
        {"ending": outcome(reached=(WON.text, "Rain."), missed=(LOST.text,))},
        "speaks of 'Rain.', which was never announced",
    ),
    ("stale", {"reset": stale_reset}, "gave two different episodes"),
    ("seedless", {"reset": seedless_reset}, "every seed gives the same episode"),
    ("global random", {"text": drawing_text}, "the global generator of `random` was used"),
    ("global numpy", {"text": numpy_text}, "the global generator of numpy was used"),
]


def test_a_sound_world_passes() -> None:
    check_environment(Dice)
    check_environment(Signpost)
    check_environment(Dice, options=({}, {"instance": 3}), secrets=lambda env: [])


@pytest.mark.parametrize(
    ("changes", "rule"), [row[1:] for row in BROKEN], ids=[r[0] for r in BROKEN]
)
def test_every_broken_rule_is_named_in_one_line(changes: dict[str, Any], rule: str) -> None:
    broken = type("Broken", (Dice,), changes | {"id": "broken-v0"})
    with pytest.raises(EnvironmentFailed, match=rule) as caught:
        check_environment(broken, max_steps=50)
    assert str(caught.value).startswith("broken-v0: ")
    assert "\n" not in str(caught.value)


def with_other_secrets(env: Any) -> list[str]:
    before, told = env.secret, []
    for env.secret in range(6):
        told.append(shown(env.text(), env.info()))
    env.secret = before
    return told


def test_what_is_hidden_stays_hidden_wherever_it_could_show() -> None:
    check_environment(Dice, secrets=with_other_secrets)

    def telling(self: Dice) -> dict[str, Any]:
        return Dice.info(self) | {"state": f"The next roll is {self.secret}."}

    telltale = type("Telltale", (Dice,), {"info": telling})
    check_environment(telltale)
    with pytest.raises(EnvironmentFailed, match="depends on what the agent may not know"):
        check_environment(telltale, secrets=with_other_secrets)


class Asynchronous:
    """The same dice, behind `await`."""

    id = "dice-v1"

    def __init__(self) -> None:
        self._dice = Dice()

    async def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        return self._dice.reset(seed=seed, options=options)

    async def step(self, action: str) -> Result:
        return self._dice.step(action)


def test_worlds_that_are_awaited_are_checked_too() -> None:
    check_environment(Asynchronous)


class Chat(Dice):
    """Takes any text and lists nothing; what it does not understand it refuses."""

    def info(self) -> dict[str, Any]:
        return {"state": f"Won {self._won}.", "goals": (WON, LOST)}


def test_a_world_without_a_list_of_actions_is_told_some() -> None:
    with pytest.raises(ConfigError, match=r"say what to do with actions=\[...\]"):
        check_environment(Chat)
    check_environment(Chat, actions=["low", "high", "hello"], max_steps=100)


def test_a_check_that_cannot_work_is_refused() -> None:
    with pytest.raises(ConfigError, match="episodes must be 2 or more, not 1"):
        check_environment(Dice, episodes=1)
    with pytest.raises(ConfigError, match="at least one mapping"):
        check_environment(Dice, options=())
