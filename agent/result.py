"""What comes of a question: the answer as it was asked for, the conversation, the record.

Nothing is lost: an answer that is not of the type asked for is kept as text. Runs nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic

from typing_extensions import TypeVar

from forethought.agent.errors import OutputError
from forethought.agent.output import Output
from forethought.agent.types import Message, Trace, Usage

T = TypeVar("T", default=str)


@dataclass(frozen=True, slots=True)
class Result(Generic[T]):
    """What came of a question."""

    text: str
    """The answer as it was written; the best so far where a limit ended the run."""
    trace: Trace
    messages: tuple[Message, ...]
    """The conversation up to and with this answer, for `history=` of the next question."""
    _output: Output[T] = field(repr=False)

    @property
    def output(self) -> T:
        """The answer; the best so far where a limit ended the run, which `complete` tells.

        Raises:
            OutputError: If what there is is not of the type asked for; `text` holds it.
        """
        try:
            return self._output.read(self.text)
        except ValueError as error:
            raise OutputError(
                f"the answer is not what output_type asks for: {error}; result.text holds what "
                f"there is ({self._ended})"
            ) from error

    @property
    def usage(self) -> Usage:
        """Cost of all model calls together."""
        return self.trace.usage

    @property
    def complete(self) -> bool:
        """False when a limit ended the run first, or the answer is not of the type asked for."""
        outcome = self.trace.outcome
        return (
            outcome is not None
            and outcome.reason == "terminated"
            and not outcome.facts.get("problem")
        )

    @property
    def _ended(self) -> str:
        outcome = self.trace.outcome
        return f"the run ended: {outcome.reason}" if outcome else "the run has no end"


def result_of(
    trace: Trace, question: str, history: Sequence[Message], output: Output[T]
) -> Result[T]:
    """The result of a run that was recorded."""
    facts = trace.outcome.facts if trace.outcome else {}
    text = str(facts.get("answer", ""))
    said = (*history, Message("user", question), Message("assistant", text))
    return Result(text, trace, said, output)
