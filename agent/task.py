"""A question to be answered with tools, as an environment: the one loop and every planner serve it.

An action is one or more calls, made at the same time, or the answer, which ends the episode (see
`agent.actions`). What a tool objects to is text for the model; what a tool breaks on is text too,
and ends the call, not the run. Runs no model and knows nothing of how tools are made.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from forethought.agent.actions import Answer, parse_tool_action, written
from forethought.agent.protocols import RunContext, Tool
from forethought.agent.toolbox import Called, Toolbox
from forethought.agent.types import Goal, Message, Outcome, Scalar, Step, ToolCall

ANSWERED = Goal("The question is answered correctly.")
WRONG = Goal("The answer given is wrong.", kind="feared")

KEPT_CALLS = 12
"""Calls the state tells of, the latest ones."""
KEPT_CHARACTERS = 600
"""Characters of each result that the state tells of; the observation shows all of it."""
KEPT_MESSAGES = 20
"""Messages of an earlier conversation that are shown, the latest ones."""
KEPT_WORDING = 2000
"""Characters of each of those messages that are shown."""
MISFITS = 2
"""Answers that do not fit the type asked for, after which the last one ends the episode as it is.
"""
STOPPED = "no result was recorded: the run stopped here"

OUTSIDE = "(from outside) "
"""Stands in the state before a result that nobody vouches for."""

_Seen = tuple[str, float, bool, bool, dict[str, Any]]


class ToolTask:
    """A question and the tools to answer it with.

    Args:
        question: What is asked.
        tools: What may be called, or a toolbox that has been made of it.
        instructions: Standing text for the model.
        check: Whether an answer is right; reward 1 and success follow it. Without it every answer
            is a success, with reward 0.
        history: An earlier conversation, oldest first; the latest of it is shown.
        context: What tools may know of the run; how many decisions were taken is filled in.
        state: Whether the task writes the state; if not, that is left to the model's summary.

    Raises:
        ConfigError: If something given as a tool is none, or two have the same name.
    """

    id = "tool-task"

    def __init__(
        self,
        question: str,
        tools: Sequence[Tool] | Toolbox = (),
        *,
        instructions: str = "",
        check: Callable[[str], bool] | None = None,
        history: Sequence[Message] = (),
        context: RunContext[Any] | None = None,
        state: bool = True,
    ) -> None:
        self._asked = "\n\n".join(filter(None, [_told(history), f"Question: {question}"]))
        self._box = tools if isinstance(tools, Toolbox) else Toolbox(tools)
        self._tools = tuple(self._box.tools.values())
        self._check = check
        self._context: RunContext[Any] = context or RunContext(None)
        self._writes_state = state
        self._fixed = {**self._box.info, "rules": instructions.strip()}
        if check:
            self._fixed["goals"] = (ANSWERED, WRONG)
        self._clear()

    def _clear(self) -> None:
        self._lines: list[str] = []
        self._draft = ""
        self._steps = 0
        self._misfits = 0
        self._outside: list[str] = []

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Ask the question."""
        self.close()
        self._clear()
        return self._asked, self._info()

    async def step(self, action: str) -> _Seen:
        """Call tools, or answer."""
        parsed = parse_tool_action(action, self._box.names)
        self._steps += 1
        if isinstance(parsed, Answer):
            return self._answer(parsed.text)
        if isinstance(parsed, str):
            self._draft = action.strip() or self._draft
            return self._refuse(parsed)
        read = [*self._context.outside, *self._outside]
        context = replace(self._context, step=self._steps - 1, outside=read, tools=self._tools)
        results = await self._box.call_all(parsed, context)
        self._keep(parsed, results)
        text, facts = _joined(parsed, results)
        return text, 0.0, False, False, self._info() | {"facts": facts}

    def restore(self, steps: Sequence[Step], pending: str) -> tuple[str, dict[str, Any]]:
        """Stand where an earlier run stopped, from its record alone: no tool is called again.

        Args:
            steps: The decisions taken; the result of each is what the next one saw.
            pending: What came of the last one: the observation that no decision answered yet; empty
                where that was not recorded.
        """
        self._clear()
        after = [*(step.observation for step in steps[1:]), pending or None]
        for step, seen in zip(steps, after, strict=True) if steps else ():
            self._replay(step, seen)
        return pending or self._asked, self._info()

    def settle(self, outcome: Outcome) -> Outcome:
        """The best answer so far: the last words that were no action, or the last result."""
        self.close()
        return replace(outcome, facts={"answer": self._draft, "final": False})

    def close(self) -> None:
        """Let the tools drop what they keep for this run; done when it ends."""
        endings = self._context.endings
        while endings:
            endings.pop()()

    def grade(self, action: str) -> bool | None:
        """Whether an action is a right answer; `None` without a check."""
        if self._check is None:
            return None
        parsed = parse_tool_action(action, self._box.names)
        return isinstance(parsed, Answer) and self._check(parsed.text)

    def _refuse(self, problem: str) -> _Seen:
        text = f"Not done: {problem}. {self._box.forms}"
        return text, 0.0, False, False, self._info() | {"invalid": True}

    def _answer(self, text: str) -> _Seen:
        problem = self._box.output.problem(text)
        if problem:
            self._draft = text
            self._misfits += 1
            if self._misfits < MISFITS:
                return self._refuse(f"the answer {_short(text)} does not fit: {problem}")
            return self._end(text, right=False, problem=problem)
        return self._end(text, right=self._check(text) if self._check else True)

    def _end(self, text: str, *, right: bool, problem: str = "") -> _Seen:
        self.close()
        reached, missed = (ANSWERED, WRONG) if right else (WRONG, ANSWERED)
        facts: dict[str, Scalar] = {"answer": text, "final": True}
        outcome = Outcome(
            float(right) if self._check else 0.0,
            right,
            reached=(reached.text,) if self._check else (),
            missed=(missed.text,) if self._check else (),
            facts=facts | ({"problem": problem} if problem else {}),
        )
        return text, outcome.reward, True, False, {"outcome": outcome}

    def _keep(self, calls: Sequence[ToolCall], results: Sequence[Called]) -> None:
        """Remember calls and results for the state and the best answer so far."""
        for call, result in zip(calls, results, strict=True):
            mark = OUTSIDE if result.outside else ""
            self._lines.append(f"{written([call])} -> {mark}{_short(result.text)}")
            self._outside += result.outside
        good = [each.text for each in results if not each.failed]
        self._draft = "\n".join(good) or self._draft

    def _replay(self, step: Step, seen: str | None) -> None:
        """What `step` did, its results taken from the record, where it has them."""
        self._steps += 1
        action = step.decision.action
        parsed = parse_tool_action(action, self._box.names)
        if isinstance(parsed, tuple):
            self._keep(parsed, _parted(parsed, seen, step.facts))
        elif isinstance(parsed, Answer):
            self._draft = parsed.text
            self._misfits += step.invalid
        else:
            self._draft = action.strip() or self._draft

    def _info(self) -> dict[str, Any]:
        return {**self._fixed, "state": self._state() if self._writes_state else ""}

    def _state(self) -> str:
        """What is asked and the latest calls with their results, bounded in length."""
        if not self._lines:
            return self._asked
        earlier = len(self._lines) - KEPT_CALLS
        told = [f"({earlier} earlier calls left out)"] if earlier > 0 else []
        told += [f"- {each}" for each in self._lines[-KEPT_CALLS:]]
        return "\n".join([self._asked, "Done so far:", *told])


def _joined(calls: Sequence[ToolCall], results: Sequence[Called]) -> tuple[str, dict[str, Scalar]]:
    """The results as one text, and the facts from which `_parted` takes it apart again."""
    failed = any(each.failed for each in results)
    facts: dict[str, Scalar] = {"tool": ", ".join(c.name for c in calls), "failed": failed}
    outside = " ".join(str(n) for n, each in enumerate(results, 1) if each.outside)
    if outside:
        facts["outside"] = outside
    if notes := "\n".join(note for each in results for note in each.notes):
        facts["notes"] = notes
    if len(calls) == 1:
        return results[0].text, facts
    facts["calls"] = len(calls)
    facts["characters"] = " ".join(str(len(each.text)) for each in results)
    facts["failures"] = " ".join(str(n) for n, each in enumerate(results, 1) if each.failed)
    parts = zip(_heads(calls), results, strict=True)
    return "\n".join(head + each.text for head, each in parts), facts


def _heads(calls: Sequence[ToolCall]) -> list[str]:
    return [f"[{number}] {call.name}: " for number, call in enumerate(calls, start=1)]


def _parted(
    calls: Sequence[ToolCall], text: str | None, facts: Mapping[str, Scalar]
) -> tuple[Called, ...]:
    """The results of calls, from the text and the facts that `_joined` made of them."""
    if text is None or "tool" not in facts:
        return tuple(Called(STOPPED, failed=True) for _ in calls)
    outside = str(facts.get("outside", "")).split()
    if len(calls) == 1:
        return (Called(text, bool(facts.get("failed")), (text,) if outside else ()),)
    failures = str(facts.get("failures", "")).split()
    results, at = [], 0
    sizes = str(facts.get("characters", "")).split()
    heads = _heads(calls)
    for number, (head, size) in enumerate(zip(heads, sizes, strict=True), start=1):
        begin = at + len(head)
        following = f"\n{heads[number]}" if number < len(heads) else ""
        at = _end(text, begin, int(size), following)
        part = text[begin:at]
        read = (part,) if str(number) in outside else ()
        results.append(Called(part, str(number) in failures, read))
        at += 1  # the line break between two results
    return tuple(results)


def _end(text: str, begin: int, size: int, following: str) -> int:
    """Where a result ends: after its size, save where secrets taken out have changed that."""
    if not following:
        return len(text)
    if text.startswith(following, begin + size):
        return begin + size
    found = text.find(following, begin)
    return len(text) if found < 0 else found


def _told(history: Sequence[Message]) -> str:
    """An earlier conversation, bounded in length."""
    if not history:
        return ""
    earlier = len(history) - KEPT_MESSAGES
    lines = [f"({earlier} earlier messages left out)"] if earlier > 0 else []
    lines += [
        f"{each.role}: {_cut(each.content, KEPT_WORDING)}" for each in history[-KEPT_MESSAGES:]
    ]
    return "\n".join(["Earlier in this conversation:", *lines])


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most] + "..."


def _short(text: str) -> str:
    return " ".join(_cut(text, KEPT_CHARACTERS).split())
