"""Does a world keep its contract? A conformance test for any world for one agent.

`check_environment(MyWorld)` plays a few episodes with random actions and raises `EnvironmentFailed`
with one line that names the first rule broken: the order of calls, the types of what comes back,
candidates bound to legal actions, refused actions, endings whose outcome settles every announced
goal, rewards that add up, equal seeds, untouched global generators, and, with `secrets=`, nothing
shown that depends on what the agent may not know. It does not judge whether a world is any good.
"""

import asyncio
import inspect
import math
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeVar

import numpy as np

from forethought.agent.errors import ConfigError, EnvironmentFailed, ForethoughtError
from forethought.agent.protocols import Environment, MaybeAwaitable
from forethought.agent.types import Candidate, Goal, Outcome

T = TypeVar("T")
Secrets = Callable[[Any], Sequence[str]]
"""Given a world at a decision, what `shown` would give there for other private facts of the other
side, everything public being the same; each must equal what is shown."""

NONSENSE = "\x00 no such action \x00"
"""An action that no world with a list of legal actions accepts."""
_KINDS: Mapping[str, type] = {"state": str, "rules": str, "invalid": bool, "facts": Mapping}
_LISTS: Mapping[str, type] = {"candidates": Candidate, "legal_actions": str, "goals": Goal}


@dataclass(slots=True)
class _Shown:
    """What a world returned at one moment."""

    text: str
    info: Mapping[str, Any]
    reward: float = 0.0
    over: bool = False


@dataclass(slots=True)
class _Check:
    """One world under test, and how it is played."""

    make: Callable[[], Environment]
    actions: Sequence[str]
    secrets: Secrets | None
    max_steps: int
    runner: asyncio.Runner
    name: str = "?"
    goals: frozenset[str] = field(default_factory=frozenset)


def check_environment(
    make: Callable[[], Environment],
    *,
    episodes: int = 20,
    seed: int = 0,
    options: Sequence[Mapping[str, Any]] = ({},),
    actions: Sequence[str] = (),
    secrets: Secrets | None = None,
    max_steps: int = 200,
) -> None:
    """Play a world with random actions and hold it to its contract.

    Args:
        make: Builds a fresh environment.
        episodes: How many episodes are played, 2 or more; each is played again to compare.
        seed: Of the first episode, and of the choice of actions.
        options: Options for `reset` that take turns; the first leave something to the seed.
        actions: What to do where the world lists no legal actions.
        secrets: Gives what must look the same; see `Secrets`.
        max_steps: Steps within which every episode has to end.

    Raises:
        EnvironmentFailed: If a rule is broken; the line says which, and in which world.
        ConfigError: If the check itself cannot work as asked.
    """
    if episodes < 2:
        raise ConfigError(f"episodes must be 2 or more, not {episodes}")
    if not options:
        raise ConfigError("give at least one mapping of options; {} is one")
    with asyncio.Runner() as runner:
        check = _Check(make, actions, secrets, max_steps, runner)
        used = make()
        check.name = getattr(used, "id", type(used).__name__)
        _refuses_step(check, used, "before reset")
        differ = []
        for number in range(episodes):
            chosen = options[number % len(options)]
            with _untouched(check):
                first = _play(check, used, seed + number, chosen, choices=number)
            if _play(check, make(), seed + number, chosen, choices=number) != first:
                _broken(check, f"seed {seed + number} gave two different episodes")
            if _play(check, make(), seed + number, chosen, choices=number, refuse=True) != first:
                _broken(check, "an illegal action must not change how the episode goes on")
            differ.append(_play(check, make(), seed + number, options[0], choices=0))
        if all(record == differ[0] for record in differ):
            _broken(check, "every seed gives the same episode")


def shown(text: str, info: Mapping[str, Any]) -> str:
    """Everything an agent can read at one moment, as one text."""
    parts = [text, str(info.get("state", "")), str(info.get("rules", ""))]
    parts += [f"{c.prefix}|{c.thought}|{c.action}" for c in info.get("candidates", ())]
    parts += info.get("legal_actions", ())
    parts += [f"{g.kind}|{g.text}|{g.weight}" for g in info.get("goals", ())]
    return "\n".join(parts)


def _play(
    check: _Check,
    env: Environment,
    seed: int,
    options: Mapping[str, Any],
    *,
    choices: int,
    refuse: bool = False,
) -> list[tuple[str, float]]:
    """One episode; with `refuse`, something impossible is tried before every action.

    Returns:
        What was shown at every moment, with the rewards.
    """
    rng = random.Random(f"check {choices}")
    now = _reset(check, env, seed, options)
    check.goals = frozenset(goal.text for goal in now.info.get("goals", ()))
    record = [(shown(now.text, now.info), 0.0)]
    while not now.over:
        if len(record) > check.max_steps:
            _broken(check, f"no episode may take more than {check.max_steps} steps, this one does")
        _keeps_secrets(check, env, now)
        legal = now.info.get("legal_actions", ()) or check.actions
        if not legal:
            raise ConfigError(
                f"{check.name} lists no legal actions: say what to do with actions=[...]"
            )
        if refuse and now.info.get("legal_actions"):
            _refuses(check, env, now)
        action = rng.choice(legal)
        now = _step(check, env, action)
        if now.info.get("invalid") and action in legal and legal is not check.actions:
            _broken(check, f"the legal action {action!r} was refused")
        record.append((shown(now.text, now.info), now.reward))
    _settles(check, now, sum(reward for _, reward in record))
    _refuses_step(check, env, "after the end")
    return record


def _reset(check: _Check, env: Environment, seed: int, options: Mapping[str, Any]) -> _Shown:
    result = _call(check, "reset", lambda: env.reset(seed=seed, options=dict(options)))
    if not isinstance(result, tuple) or len(result) != 2:
        _broken(check, "reset must return text and info")
    return _checked(check, "reset", _Shown(*result))


def _step(check: _Check, env: Environment, action: str) -> _Shown:
    result = _call(check, "step", lambda: env.step(action))
    if not isinstance(result, tuple) or len(result) != 5:
        _broken(check, "step must return text, reward, terminated, truncated and info")
    text, reward, terminated, truncated, info = result
    if not isinstance(reward, int | float) or not math.isfinite(reward):
        _broken(check, f"the reward must be a finite number, not {reward!r}")
    if not isinstance(terminated, bool) or not isinstance(truncated, bool):
        _broken(check, "terminated and truncated must be True or False")
    return _checked(check, "step", _Shown(text, info, float(reward), terminated or truncated))


def _checked(check: _Check, call: str, now: _Shown) -> _Shown:
    """The same, once its types and bindings are known to be right."""
    if not isinstance(now.text, str) or not now.text:
        _broken(check, f"{call} must return a text that is not empty, not {now.text!r}")
    if not isinstance(now.info, dict):
        _broken(check, f"{call} must return info as a dict, not {type(now.info).__name__}")
    for key, kind in _KINDS.items():
        if key in now.info and not isinstance(now.info[key], kind):
            _broken(check, f"info[{key!r}] must be a {kind.__name__}, not {now.info[key]!r}")
    for key, kind in _LISTS.items():
        _checked_list(check, key, kind, now.info.get(key, ()))
    legal = now.info.get("legal_actions", ())
    for candidate in now.info.get("candidates", ()):
        if legal and candidate.action is not None and candidate.action not in legal:
            _broken(check, f"the action of candidate {candidate.thought!r} is not legal")
    if "outcome" in now.info and not now.over:
        _broken(check, "info['outcome'] may only be there once the episode has ended")
    return now


def _checked_list(check: _Check, key: str, kind: type, value: Any) -> None:
    if not isinstance(value, tuple | list) or not all(isinstance(one, kind) for one in value):
        _broken(check, f"info[{key!r}] must be a tuple of {kind.__name__}, not {value!r}")
    if len(set(value)) != len(value):
        _broken(check, f"info[{key!r}] names something twice")


def _refuses(check: _Check, env: Environment, before: _Shown) -> None:
    """An illegal action is marked and changes nothing."""
    after = _step(check, env, NONSENSE)
    if after.info.get("invalid") is not True:
        _broken(check, "an illegal action must set info['invalid'] to True")
    if after.over or after.reward:
        _broken(check, "an illegal action must not end the episode nor change the reward")
    for key in ("state", "candidates", "legal_actions", "goals"):
        if after.info.get(key) != before.info.get(key):
            _broken(check, f"an illegal action must leave info[{key!r}] as it was")


def _settles(check: _Check, last: _Shown, total: float) -> None:
    """The ending states an outcome that fits the episode."""
    outcome = last.info.get("outcome")
    if not isinstance(outcome, Outcome):
        _broken(check, "the last step must give an Outcome in info['outcome']")
    if not math.isclose(outcome.reward, total, abs_tol=1e-9):
        _broken(check, f"the outcome says reward {outcome.reward:g}, the steps gave {total:g}")
    reached, missed = set(outcome.reached), set(outcome.missed)
    if both := reached & missed:
        _broken(check, f"the goal {min(both)!r} is both reached and missed")
    if untold := check.goals - reached - missed:
        _broken(check, f"the outcome does not say whether {min(untold)!r} was reached")
    if unknown := (reached | missed) - check.goals:
        _broken(check, f"the outcome speaks of {min(unknown)!r}, which was never announced")


def _keeps_secrets(check: _Check, env: Environment, now: _Shown) -> None:
    if check.secrets is None:
        return
    here = shown(now.text, now.info)
    if any(other != here for other in check.secrets(env)):
        _broken(check, "what is shown depends on what the agent may not know")


def _refuses_step(check: _Check, env: Environment, when: str) -> None:
    """A call out of order is an error of ours, in one line."""
    try:
        _now(check, env.step(NONSENSE))
    except ForethoughtError as error:
        if not str(error) or "\n" in str(error):
            _broken(check, f"step {when} must say in one line what is wrong")
    except Exception as error:
        # A border: what a world raises by accident is what this rule is about.
        raise EnvironmentFailed(
            f"{check.name}: step {when} must raise ConfigError, not {type(error).__name__}"
        ) from error
    else:
        _broken(check, f"step {when} must raise ConfigError")


def _call(check: _Check, what: str, call: Callable[[], MaybeAwaitable[T]]) -> T:
    try:
        return _now(check, call())
    except Exception as error:
        # A border: worlds are other people's code, and whatever they raise breaks the contract.
        said = " ".join(str(error).split())
        raise EnvironmentFailed(
            f"{check.name}: {what} raised {type(error).__name__}: {said}"
        ) from error


def _now(check: _Check, value: MaybeAwaitable[T]) -> T:
    if not inspect.isawaitable(value):
        return value

    async def wait(awaitable: Awaitable[T]) -> T:
        return await awaitable

    return check.runner.run(wait(value))


@contextmanager
def _untouched(check: _Check) -> Iterator[None]:
    """The global generators are left alone."""
    before, numpy_before = random.getstate(), _numpy_state()
    yield
    if random.getstate() != before:
        _broken(check, "the global generator of `random` was used; make a random.Random(seed)")
    if _numpy_state() != numpy_before:
        _broken(check, "the global generator of numpy was used; make a np.random.default_rng")


def _numpy_state() -> tuple[bytes, int]:
    # The old global generator is read, never drawn from: that nobody else draws is what is checked.
    state: dict[str, Any] = np.random.get_state(legacy=False)["state"]  # noqa: NPY002
    return state["key"].tobytes(), state["pos"]


def _broken(check: _Check, rule: str) -> NoReturn:
    raise EnvironmentFailed(f"{check.name}: {rule}")
