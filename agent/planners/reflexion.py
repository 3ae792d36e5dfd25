"""`reflexion`: lessons in words from what went wrong, shown before the next try (arXiv 2303.11366).

After a step that went badly the model is asked for one sentence on what to do differently; the last
few such lessons stand in the prompts that follow. Thought and action are `react`'s.

Departures from the paper:

1. A lesson may be drawn within an episode, after a refused action, a failed tool call or a reward
   below 0. Between trials of one episode, which is the paper's method, it is drawn by `run_trials`.
2. What went badly is what the world says; no model and no test suite judges it.
3. The model sees the last step, or the last few steps and the outcome of a failed trial, not the
   whole trajectory.

A planner keeps nothing from one decision to the next, so that one serves many episodes at once:
lessons are recorded in `Decision.lessons` and read back from the turn's history. Model calls a
decision: 1, 1 more after what went badly, and at most one repair for each.
"""

from collections.abc import Sequence
from dataclasses import replace

from forethought.agent.errors import BudgetExhausted, ConfigError
from forethought.agent.parsing import read_fields
from forethought.agent.planners.desk import REPAIR, Desk, check_template
from forethought.agent.planners.react import React
from forethought.agent.planners.stages import schema_of, sentence, situation
from forethought.agent.protocols import Planner, Turn
from forethought.agent.types import Decision, Step, Trace

REFLECT_PROMPT = """\
{situation}

This went wrong:
{account}

Say in one sentence what to do differently next time.
Reply with a JSON object with the field "lesson"."""
LESSONS = """\
{situation}

Lessons from what went wrong before:
{lessons}"""

TOLD_STEPS = 6
"""Last steps of a failed trial that the model is told of."""
TOLD = 400
"""Characters of each action and each result that the model is told of."""


class Reflexion:
    """Acts as another planner does, with lessons from what went wrong.

    Args:
        actor: Thinks and acts; it is shown the lessons as part of the state.
        keep: Lessons kept, the latest ones.
        lessons: What is known before the first step, oldest first.
        failed: Account of a failed trial to draw a lesson from before the first step.
        reflect_prompt: Template with `{situation}` and `{account}`.
        repair: Template of what is said about a reply that cannot be read, with `{problem}`.
        name: The arm's name.

    Raises:
        ConfigError: If `keep` is below 1 or the template has unknown fields.
    """

    def __init__(
        self,
        actor: Planner | None = None,
        *,
        keep: int = 3,
        lessons: Sequence[str] = (),
        failed: str = "",
        reflect_prompt: str = REFLECT_PROMPT,
        repair: str = REPAIR,
        name: str = "reflexion",
    ) -> None:
        if keep < 1:
            raise ConfigError(f"reflexion: keep must be 1 or more, not {keep}")
        self.name = name
        self._repair = check_template("repair", repair, ("problem",))
        self._actor = actor or React(name=name)
        self._keep = keep
        self._lessons = tuple(lessons)
        self._failed = failed
        self._prompt = check_template("reflect", reflect_prompt, ("situation", "account"))

    def after(self, trial: Trace) -> "Reflexion":
        """The same planner, about to try again what a trial failed at."""
        lessons = trial.steps[-1].decision.lessons if trial.steps else self._lessons
        return Reflexion(
            self._actor,
            keep=self._keep,
            lessons=lessons,
            failed=_of_trial(trial),
            reflect_prompt=self._prompt,
            name=self.name,
        )

    async def decide(self, turn: Turn) -> Decision:
        """Reflect if something went wrong, then act.

        Raises:
            ModelError: If the model failed for good.
            BudgetExhausted: If nothing could be decided within the budget.
        """
        desk = Desk(turn, self.name, self._repair)
        lessons = await self._learn(desk)
        if lessons:
            told = "\n".join(f"- {lesson}" for lesson in lessons)
            turn = replace(turn, state=LESSONS.format(situation=situation(turn), lessons=told))
        decision = await self._actor.decide(turn)
        return replace(
            decision,
            planner=self.name,
            lessons=lessons,
            repairs=decision.repairs + desk.repairs,
        )

    async def _learn(self, desk: Desk) -> tuple[str, ...]:
        """The lessons so far, with a new one if something went wrong and one can be read."""
        turn = desk.turn
        lessons, account = self._lessons, self._failed
        if turn.history:
            last = turn.history[-1]
            lessons = last.decision.lessons
            account = _of_step(last, turn.observation.text) if _went_wrong(last) else ""
        if not account:
            return lessons
        prompt = self._prompt.format(situation=situation(turn), account=account)
        try:
            answer = await desk.ask(
                "reflect", prompt, _read_lesson, schema=schema_of({"lesson": sentence()})
            )
        except BudgetExhausted:
            return lessons  # what is left may do for an action; if not, the actor says so
        new = answer.value
        if new is None or new in lessons:
            return lessons
        return (*lessons, new)[-self._keep :]


def _went_wrong(step: Step) -> bool:
    return step.invalid or step.reward < 0 or step.facts.get("failed") is True


def _read_lesson(text: str) -> tuple[str | None, str]:
    """The lesson field; prose without any field is the lesson itself."""
    reading = read_fields(text, ["lesson"])
    said = reading.fields.get("lesson", "")
    if not said and "{" not in text:
        said = text
    return " ".join(said.split()) or None, reading.problem


def _of_step(step: Step, result: str) -> str:
    return f"I did: {_short(step.decision.action)}\nThen: {_short(result)}"


def _of_trial(trial: Trace) -> str:
    """The last steps of a trial and how it ended, bounded in length."""
    told = [
        _of_step(step, following.observation)
        for step, following in zip(trial.steps, trial.steps[1:], strict=False)
    ]
    last = [f"I did: {_short(step.decision.action)}" for step in trial.steps[-1:]]
    lines = [*told, *last][-TOLD_STEPS:]
    if trial.outcome is not None:
        ending = " ".join(trial.outcome.reached)
        lines.append(f"In the end: {ending} Reward {trial.outcome.reward:g}, no success.")
    return "\n".join(lines)


def _short(text: str) -> str:
    return text if len(text) <= TOLD else f"{text[:TOLD]}..."
