"""Questions answered, and then kept or tried again by an explicit token, for `decision-sampling`.

Each turn is an answer and a decision, `<stop>` or `<retry>`; what is rewarded is the answer that
stands at the end. Sampling and deciding are told apart from the turns alone: how often an answer is
right, how often a right one is kept and a wrong one thrown away (`agent.attempts`).
"""

from collections.abc import Callable, Mapping, Sequence

from forethought.agent.attempts import Rate, attempt_rates
from forethought.agent.errors import ConfigError
from forethought.agent.types import Attempt, Message
from forethought.valuefn.rl.episodes import Demonstration, Heard, Mark, Play, prompt_text
from forethought.valuefn.rl.rewards import Said, Task, answer_of, exact
from forethought.valuefn.rl.tokens import Rollout, Span

STOP, RETRY = "<stop>", "<retry>"
SYSTEM = (
    "Answer the problem inside <answer> and </answer>, as in <answer> 42 </answer>. Then look at"
    " your answer and decide: write <stop> if you believe that it is right, or <retry> to answer"
    " once more. You have {tries} tries; the last answer counts.\n\n"
)

Attempts = Callable[[Rollout, Task], Sequence[Attempt]]
"""Reads the graded attempts of a rollout."""


class RetryQuestion:
    """One question and several tries at it.

    Args:
        task: What is asked.
        tries: Most answers, 2 or more.
        demonstrations: Shown before it.
        system: Standing text, with `{tries}`.

    Raises:
        ConfigError: If `tries` leaves nothing to decide.
    """

    stop = (STOP, RETRY)

    def __init__(
        self,
        task: Task,
        tries: int,
        demonstrations: Sequence[Demonstration] = (),
        *,
        system: str = SYSTEM,
    ) -> None:
        if tries < 2:
            raise ConfigError(
                f"{tries} tries leave nothing to decide: set sampling.turns to 2 or more"
            )
        self._left = tries
        told = system.replace("{tries}", str(tries))
        self._prompt = prompt_text(task, demonstrations, system=told)

    def begin(self) -> Sequence[Message]:
        """Standing text, demonstrations and problem in one message of the user."""
        return (Message("user", self._prompt),)

    def hear(self, text: str) -> Heard:
        """Take an answer and its decision; without one, the answer stands."""
        sign = next((sign for sign in self.stop if text.endswith(sign)), "")
        marks = (Mark(len(text) - len(sign), len(text), Span.DECISION),) if sign else ()
        self._left -= 1
        return Heard("\n" if sign == RETRY and self._left > 0 else None, marks)

    @property
    def outcome(self) -> float | None:
        """There is no world."""
        return None


def play_retries(tries: int) -> Play:
    """Questions with so many tries each."""

    def play(task: Task, shown: Sequence[Demonstration]) -> RetryQuestion:
        return RetryQuestion(task, tries, shown)

    return play


def attempts_of(rollout: Rollout, task: Task) -> tuple[Attempt, ...]:
    """The answers of a rollout, graded by exact match as SQuAD normalises.

    One without a decision, or the last one where no further try was left, is kept because it must.
    """
    right = exact("")
    found = []
    for at, turn in enumerate(rollout.turns):
        answer = answer_of(turn) or ""
        decided = turn.endswith((STOP, RETRY))
        last = at == len(rollout.turns) - 1
        forced = not decided or (last and turn.endswith(RETRY))
        stop = forced or turn.endswith(STOP)
        correct = bool(right(Said((answer,)), task))
        found.append(Attempt(answer, stop, forced=forced, correct=correct))
    return tuple(found)


_LOGGED = {
    "p_s/first": "sampling_first",
    "p_s/later": "sampling_later",
    "stop_right": "stop_right",
    "retry_wrong": "retry_wrong",
    "improved": "improved",
    "harmed": "harmed",
    "accuracy": "accuracy",
}


def rate_values(rounds: Sequence[Sequence[Attempt]]) -> Mapping[str, list[float]]:
    """Rates as values of 0 and 1, by the names they are logged under; empty where none counts.

    Args:
        rounds: The graded attempts of each rollout.
    """
    rates = attempt_rates(rounds) if rounds else None
    found: dict[str, list[float]] = {}
    for name, field in _LOGGED.items():
        rate = Rate.of(()) if rates is None else getattr(rates, field)
        found[name] = [1.0] * rate.hits + [0.0] * (rate.n - rate.hits)
    return found
