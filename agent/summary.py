"""The state in the model's words, for worlds that write none.

Incremental: the last state and what happened since make the next one, so that a prompt does not
grow with the episode. Knows nothing of planners or of any world.
"""

from collections.abc import Awaitable, Callable

from forethought.agent.parsing import clean
from forethought.agent.protocols import Model
from forethought.agent.types import Message, Request

SUMMARY_PROMPT = """\
You keep the notes of somebody who has to decide what to do next.

Notes so far:
{state}

Since then:
{happened}

Write the new notes: who wants what, what was said or offered with its numbers and names, what \
worked and what did not. At most {words} words. Write only the notes."""

Summarise = Callable[[Model, str, str], Awaitable[str]]
"""The model, the last state and what happened since (action and observation), to the next state."""


class Summariser:
    """Asks the model for the next state.

    Args:
        prompt: Template with `{state}`, `{happened}` and `{words}`.
        words: Longest summary asked for, in words.
        short: A first observation of at most this many characters is its own state: no call.
    """

    def __init__(self, prompt: str = SUMMARY_PROMPT, *, words: int = 120, short: int = 600) -> None:
        self._prompt = prompt
        self._words = words
        self._short = short

    async def __call__(self, model: Model, state: str, happened: str) -> str:
        """The next state; where the model says nothing, the last one and what happened."""
        if not state and len(happened) <= self._short:
            return happened
        prompt = self._prompt.format(state=state or "(none)", happened=happened, words=self._words)
        reply = await model.complete(
            Request(
                (Message("user", prompt),),
                stage="summary",
                max_tokens=self._words * 2,
                temperature=0.0,
            )
        )
        return clean(reply.text).strip() or f"{state}\n{happened}".strip()
