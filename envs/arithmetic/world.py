"""The `arithmetic-v0` environment: an expression, a Python tool, an answer."""

import random
import re
from collections.abc import Mapping
from typing import Any

from forethought.agent.errors import ConfigError, ToolError
from forethought.agent.types import Candidate, Goal, Observation, Outcome
from forethought.envs.arithmetic.evaluate import LONGEST, Number, evaluate
from forethought.envs.arithmetic.problems import Problem, problem
from forethought.envs.options import checked
from forethought.envs.registry import SPLITS, World

CALLS = 4
"""Most calls of the tool."""
RIGHT = Goal("The answer is right.")
WRONG = Goal("The answer is wrong.", kind="feared", weight=0.0)
GOALS = (RIGHT, WRONG)
RULES = (
    f"Work out an expression. A Python tool works out arithmetic for you, at most {CALLS} times."
    " Then give the answer, a whole number; it ends the task."
)
MANUAL = "Answer python EXPRESSION to use the tool, or answer NUMBER."
_ACTION = re.compile(r"(python|answer)\b[\s:]*(.*)", re.IGNORECASE | re.DOTALL)
_NUMBER = re.compile(r"[+-]?\d{1,100}")


class Arithmetic:
    """One expression.

    An action is `python EXPRESSION`, whose result is shown, or `answer NUMBER`. Reward, on the last
    step only: 1 where the answer is right, else 0.
    """

    id = "arithmetic-v0"

    def __init__(self) -> None:
        self._problem: Problem | None = None
        self._calls: list[tuple[str, str]] = []

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Be given an expression.

        Args:
            seed: Chooses it, among those for training, where the options do not.
            options: `instance`, a number. `seat` and `opponent` may be there and must be 0 and
                empty.

        Raises:
            ConfigError: If an option makes no sense.
        """
        self._problem, self._calls = None, []
        self._problem = problem(read_instance(self.id, seed, options or {}))
        return self._show(self._problem)

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Use the tool or answer."""
        given = self._problem
        if given is None:
            raise ConfigError("call reset before step")
        match = _ACTION.fullmatch(action.strip())
        if match is None:
            return self._refused(given, MANUAL)
        said = match[2].strip()
        if match[1].lower() == "answer":
            if not said:
                return self._refused(given, "say what the answer is")
            self._problem = None
            outcome = outcome_of(is_number(said, given.value), {"calls": len(self._calls)})
            return "Answered.", outcome.reward, True, False, {"outcome": outcome, "goals": GOALS}
        if len(self._calls) == CALLS:
            return self._refused(given, "no call is left; answer")
        self._calls.append((said[:LONGEST], _result(said)))
        text, info = self._show(given)
        return text, 0.0, False, False, info

    def grade(self, action: str) -> bool:
        """Whether an answer would be right; calls of the tool are no answers."""
        if self._problem is None:
            raise ConfigError("call reset before grade")
        match = _ACTION.fullmatch(action.strip())
        if match is None or match[1].lower() != "answer":
            return False
        return is_number(match[2], self._problem.value)

    def _refused(self, given: Problem, why: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        text, info = self._show(given)
        return f"{text}\nThat is not possible: {why}", 0.0, False, False, info | {"invalid": True}

    def _show(self, given: Problem) -> tuple[str, dict[str, Any]]:
        lines = [f"What is {given.text}?", *(f"{asked} gives {got}" for asked, got in self._calls)]
        return "\n".join(lines), {
            "state": _state(given, self._calls),
            "candidates": _candidates(given, self._calls),
            "goals": GOALS,
            "rules": RULES,
            "manual": MANUAL,
        }


def read_instance(world: str, seed: int | None, options: Mapping[str, Any]) -> int:
    """The instance number that the options name, else one for training by the seed.

    Raises:
        ConfigError: If an option makes no sense.
    """
    options = checked(world, options)
    if options.get("seat") or options.get("opponent"):
        raise ConfigError(f"{world} has one seat, 0, and no opponents")
    instance = options.get("instance")
    if instance is None:
        return random.Random(f"{world} {seed}").randrange(len(SPLITS["train"]))
    if isinstance(instance, bool) or not isinstance(instance, int):
        raise ConfigError(f"instance must be a whole number, not {instance!r}")
    return instance


def is_number(text: str, value: int) -> bool:
    """Whether a text is that whole number; thousands may be marked by commas or spaces."""
    bare = re.sub(r"[, _](?=\d)", "", text.strip().rstrip("."))
    return _NUMBER.fullmatch(bare) is not None and int(bare) == value


def outcome_of(right: bool, facts: dict[str, Any]) -> Outcome:
    """The ending: 1 for the right answer."""
    reached, missed = (RIGHT, WRONG) if right else (WRONG, RIGHT)
    return Outcome(float(right), right, reached=(reached.text,), missed=(missed.text,), facts=facts)


def _result(expression: str) -> str:
    try:
        return _written(evaluate(expression))
    except ToolError as error:
        return f"an error: {error}"


def _written(value: Number) -> str:
    return str(int(value)) if value == int(value) else str(value)


def _covers(given: Problem, expression: str) -> int:
    """Operations of the expression asked about that a call worked out; 0 where it is another."""
    return given.parts.index(expression) + 1 if expression in given.parts else 0


def _state(given: Problem, calls: list[tuple[str, str]]) -> str:
    start = f"The expression has {given.operations} operations. Calls left {CALLS - len(calls)}."
    if not calls:
        return f"{start} Nothing was worked out."
    done = max(_covers(given, asked) for asked, _ in calls)
    return f"{start} Worked out {done} of {given.operations} operations."


def _candidates(given: Problem, calls: list[tuple[str, str]]) -> tuple[Candidate, ...]:
    """What can sensibly be done, and what is done by mistake, each with what it covers."""
    total = given.operations
    found = []
    if len(calls) < CALLS:
        for place, part in reversed(list(enumerate(given.parts, start=1))):
            thought = f"I let Python work out {place} of {total} operations."
            found.append(Candidate(thought, action=f"python {part}"))
        bare = given.text.replace("(", "").replace(")", "")
        thought = "I let Python work it out without the parentheses."
        found.append(Candidate(thought, action=f"python {bare}"))
    said = set()
    for asked, got in calls:
        covered = _covers(given, asked)
        what = f"{covered} of {total} operations" if covered else "another expression"
        thought = f"I answer with the result of {what}."
        if not got.startswith("an error") and thought not in said:
            said.add(thought)
            found.append(Candidate(thought, action=f"answer {got}"))
    guess = Candidate("I answer from my head, in round numbers.", action=f"answer {_rough(given)}")
    return (*found, guess)


def _rough(given: Problem) -> int:
    """What comes out when every number is rounded to one digit."""
    rounded = re.sub(r"\d+", lambda m: str(round(int(m[0]), 1 - len(m[0]))), given.text)
    return int(evaluate(rounded))


def unguided(observation: Observation, rng: random.Random) -> Candidate:
    """Any listed candidate, each as likely."""
    return rng.choice(observation.candidates)


def whole(observation: Observation, rng: random.Random) -> Candidate:
    """The tool works out the whole expression; then its result is the answer."""
    results = [c for c in observation.candidates if c.thought.startswith("I answer with")]
    return results[0] if results else observation.candidates[0]


WORLD = World(
    id="arithmetic-v0",
    summary="Work out an expression, with a Python tool for the sums",
    make=Arithmetic,
    success="the answer is right",
    unguided="a random one of the listed calls and answers",
    bots={"heuristic": whole, "unguided": unguided},
)
