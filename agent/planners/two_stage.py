"""`two-stage`: sample an answer, then decide whether to stop or to try again; both on record.

The two-stage decision-sampling hypothesis (arXiv 2601.01580) measures the two parts apart; here the
decision is a step of its own, not a word looked for in a chain of thought. Every answer is an
`Attempt` of the decision: what was answered, whether it was kept, by which chance, and whether that
was forced because no further try was allowed. The loop adds the world's grade for the record;
`forethought.agent.attempts` computes the rates.

Calls a decision: for each try those of the sampler (1 for `react`), and for each decision 1, none
where a critic says how likely the answer is right. The last of `turns` tries is kept without a
decision. Where a limit ends the tries, the last answer is given.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter

from forethought.agent.critics import bound, estimates
from forethought.agent.errors import BudgetExhausted, ConfigError
from forethought.agent.parsing import read_fields, strip_fence
from forethought.agent.planners.critique import KEPT, in_words, weigh
from forethought.agent.planners.desk import REPAIR, Desk, check_template
from forethought.agent.planners.react import React
from forethought.agent.planners.stages import one_of, schema_of, situation
from forethought.agent.protocols import Planner, Turn, ValueFunction
from forethought.agent.types import Attempt, Candidate, Decision, Estimate, Event, Goal

RIGHT = Goal("The answer is right.")
"""What a critic is asked where the world states no hoped outcome."""
THRESHOLD = 0.5
"""Chance from which an answer is kept."""
TURNS = 3
"""Most tries."""

DECIDE_PROMPT = """\
{situation}

Your answer: {answer}
Your reason: {thought}

Is this right? Check it. You may give this answer (stop), or throw it away and try again (retry); \
{left} left.
Reply with a JSON object with the field "decision" (stop or retry)."""

TRIED = "\n\nYou tried this and threw it away, because it may be wrong:\n{tries}"


@dataclass(slots=True)
class _Tries:
    """The tries so far; whatever stops them, this much is kept."""

    decisions: list[Decision] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    judged: list[tuple[Candidate, list[Estimate]]] = field(default_factory=list)
    """The answers the critic was asked about, with what it said of the goal."""
    fallback: str = ""


class TwoStage:
    """Sample, then stop or try again.

    Args:
        critic: Says how likely an answer is right; without one, or where it cannot say, the model
            decides.
        turns: Most tries.
        threshold: Chance from which the critic's answer is kept, 0 to 1.
        sampler: Makes the answers; `react` by default.
        prompt: Template of the decision, with `{situation}`, `{answer}`, `{thought}` and `{left}`.
        repair: Template of what is said about a reply that cannot be read, with `{problem}`.
        name: The arm's name.

    Raises:
        ConfigError: If a number cannot work or the template has unknown fields.
    """

    def __init__(
        self,
        critic: ValueFunction | None = None,
        *,
        turns: int = TURNS,
        threshold: float = THRESHOLD,
        sampler: Planner | None = None,
        prompt: str = DECIDE_PROMPT,
        repair: str = REPAIR,
        name: str = "two-stage",
    ) -> None:
        if turns < 1 or not 0 <= threshold <= 1:
            raise ConfigError(
                f"two-stage: turns ({turns}) must be 1 or more, threshold ({threshold}) 0 to 1"
            )
        self.name = name
        self._repair = check_template("repair", repair, ("problem",))
        self._critic = critic
        self._turns = turns
        self._threshold = threshold
        self._sampler = sampler or React()
        fields = ("situation", "answer", "thought", "left")
        self._prompt = check_template("decide", prompt, fields)

    async def decide(self, turn: Turn) -> Decision:
        """Answer, and try again until an answer is kept or no try is left.

        Raises:
            ModelError: If the model failed for good.
            BudgetExhausted: If not even a first answer could be had.
        """
        desk, tries = Desk(turn, self.name, self._repair), _Tries()
        critic = bound(self._critic, desk) if self._critic else None
        goal = _wanted(turn.observation.goals)
        while not tries.attempts or not tries.attempts[-1].stop:
            try:
                decision = await self._sampler.decide(_told(turn, tries.attempts))
            except BudgetExhausted as error:
                if not tries.attempts:
                    raise
                tries.fallback = f"budget: {error}"
                break
            tries.decisions.append(decision)
            tries.attempts.append(await self._attempt(desk, critic, goal, tries, decision))
        return self._decision(desk, goal, tries)

    async def _attempt(
        self,
        desk: Desk,
        critic: ValueFunction | None,
        goal: Goal,
        tries: _Tries,
        sampled: Decision,
    ) -> Attempt:
        """An answer with what was decided on it."""
        left = self._turns - len(tries.decisions)
        if left < 1:
            return Attempt(sampled.action, stop=True, forced=True)
        candidate = replace(sampled.candidate, action=sampled.action)
        try:
            chance = await self._chance(desk, critic, goal, tries, candidate)
            if chance is not None:
                return _told_of(desk, Attempt(sampled.action, chance >= self._threshold, chance))
            stop = await self._ask(desk, candidate, left)
        except BudgetExhausted as error:
            tries.fallback = f"budget: {error}"
            return Attempt(sampled.action, stop=True, forced=True)
        if stop is None:
            tries.fallback = "no decision could be read"
            return Attempt(sampled.action, stop=True, forced=True)
        return _told_of(desk, Attempt(sampled.action, stop))

    async def _chance(
        self,
        desk: Desk,
        critic: ValueFunction | None,
        goal: Goal,
        tries: _Tries,
        candidate: Candidate,
    ) -> float | None:
        """The critic's chance that the answer is right; `None` where it cannot say."""
        if critic is None:
            return None
        ((said,),) = await estimates(critic, desk.turn.state, [candidate], [goal])
        tries.judged.append((candidate, [said]))
        desk.turn.emit(Event("critique", in_words([goal], [said]), (goal,), (said,)))
        return said.chance if said.supported else None

    async def _ask(self, desk: Desk, candidate: Candidate, left: int) -> bool | None:
        """Whether the model stops; `None` where its reply cannot be read."""
        answer = await desk.ask(
            "decide",
            self._prompt.format(
                situation=situation(desk.turn),
                answer=candidate.action,
                thought=candidate.thought,
                left=f"{left} {'try' if left == 1 else 'tries'}",
            ),
            _read_decision,
            schema=schema_of({"decision": one_of(["stop", "retry"])}),
            max_tokens=32,
        )
        return answer.value

    def _decision(self, desk: Desk, goal: Goal, tries: _Tries) -> Decision:
        """The last answer, with all of them on record."""
        last = tries.decisions[-1]
        judged = tries.judged
        considered = weigh([c for c, _ in judged], [goal], [r for _, r in judged]) if judged else []
        return replace(
            last,
            planner=self.name,
            goals=(goal,) if considered else (),
            considered=tuple(considered[:KEPT]),
            weighed=len(tries.decisions),
            fallback=last.fallback or tries.fallback,
            repairs=desk.repairs + sum(each.repairs for each in tries.decisions),
            attempts=tuple(tries.attempts),
        )


def _wanted(goals: Sequence[Goal]) -> Goal:
    """What it is to be right: the world's hoped outcome of most weight, the first of them."""
    return max(
        (goal for goal in goals if goal.kind == "hoped"), key=attrgetter("weight"), default=RIGHT
    )


def _told(turn: Turn, attempts: Sequence[Attempt]) -> Turn:
    """The turn as the sampler sees it: with the answers thrown away."""
    if not attempts:
        return turn
    tries = TRIED.format(tries="\n".join(f"- {each.action}" for each in attempts))
    seen = turn.observation
    return replace(turn, observation=replace(seen, text=seen.text + tries))


def _told_of(desk: Desk, attempt: Attempt) -> Attempt:
    """The attempt, once whoever watches has heard of it."""
    desk.turn.emit(Event("kept" if attempt.stop else "refined", _in_words(attempt)))
    return attempt


def _in_words(attempt: Attempt) -> str:
    return f"{'stop' if attempt.stop else 'try again'}: {attempt.action}"


def _read_decision(text: str) -> tuple[bool | None, str]:
    """Stop or retry; both at once are neither."""
    reading = read_fields(text, ["decision"])
    said = reading.fields.get("decision", strip_fence(text)).strip(" .\"'`*").lower()
    if said in {"stop", "retry"}:
        return said == "stop", ""
    return None, 'the decision must be "stop" or "retry"'
