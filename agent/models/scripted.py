"""Test doubles that ship with the library: a model that follows a script, one that is a function.

Covered: order of replies, replies by stage, errors to raise, prefixes, usage, a record of every
request, complaints about surprises and leftovers. Not covered: `max_tokens`, `stop`, `schema`,
`temperature` and `seed` are recorded and otherwise ignored. Tokens are whitespace-separated words:
of all messages for the prompt, of the reply's text for the completion. No network, no clock.
"""

import inspect
import json
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

from forethought.agent.contract import imported
from forethought.agent.errors import ConfigError, DataError
from forethought.agent.types import PrefixMode, Reply, Request, Usage

Answer: TypeAlias = str | Reply
Script: TypeAlias = Answer | BaseException | Callable[[Request], Answer]
"""One entry of a script: what to answer, what to raise, or how to find out."""


def _reply(request: Request, answer: Answer, native_prefix: bool) -> Reply:
    """Make a reply of a text as a server would; a ready `Reply` is left alone."""
    if isinstance(answer, Reply):
        return answer
    text, mode = answer, _mode(request, answer, native_prefix)
    if mode == "native" and not text.startswith(request.prefix):
        text = request.prefix + text
    prompt = sum(len(message.content.split()) for message in request.messages)
    return Reply(text, Usage(1, prompt, len(text.split())), mode)


def _mode(request: Request, text: str, native_prefix: bool) -> PrefixMode:
    if not request.prefix:
        return "none"
    if native_prefix:
        return "native"
    return "emulated" if text.startswith(request.prefix) else "none"


class ScriptedModel:
    """A model that gives the replies it was given, in order, and records what it was asked.

    Args:
        replies: What to answer, one for each request: a text, a whole `Reply`, an exception to
            raise, or a function of the request.
        by_stage: Replies by the request's stage, each a sequence of its own or one function that
            answers every request of that stage. Stages not named here take from `replies`.
        name: The model's name.
        native_prefix: Whether a reply is made to begin with the request's prefix, as a server that
            continues an assistant message does. If not, a text that begins with it by itself counts
            as `emulated` and any other is returned unchanged as `none`.
        cycle: Whether a script that has run out begins again.
    """

    price_known = True  # it costs what its replies say

    def __init__(
        self,
        replies: Iterable[Script] = (),
        *,
        by_stage: Mapping[str, Iterable[Script] | Callable[[Request], Answer]] | None = None,
        name: str = "scripted",
        native_prefix: bool = True,
        cycle: bool = False,
    ) -> None:
        self.name = name
        self.requests: list[Request] = []
        """Every request, in order."""
        self._native_prefix = native_prefix
        self._cycle = cycle
        self._functions: dict[str, Callable[[Request], Answer]] = {}
        self._queues: dict[str, deque[Script]] = {"": _queue(replies, "replies")}
        for stage, script in (by_stage or {}).items():
            if callable(script):
                self._functions[stage] = script
            else:
                self._queues[stage] = _queue(script, f"by_stage[{stage!r}]")

    async def complete(self, request: Request) -> Reply:
        """Give the next reply of the script.

        Raises:
            ConfigError: If the script has no reply left for this request.
        """
        self.requests.append(request)
        entry = self._functions.get(request.stage) or self._next(request.stage)
        if isinstance(entry, BaseException):
            raise entry
        answer = entry(request) if callable(entry) else entry
        return _reply(request, answer, self._native_prefix)

    def _next(self, stage: str) -> Script:
        queue = self._queues.get(stage, self._queues[""])
        if not queue:
            raise ConfigError(
                f"model {self.name!r} has no scripted reply left for request {len(self.requests)}"
                f" (stage {stage!r}): add one to the script, or find out why it was asked"
            )
        entry = queue.popleft()
        if self._cycle:
            queue.append(entry)
        return entry

    def check_done(self) -> None:
        """Complain about replies that were never asked for; a cycling script has none.

        Raises:
            ConfigError: If replies are left.
        """
        left = {stage or "any": len(queue) for stage, queue in self._queues.items() if queue}
        if left and not self._cycle:
            parts = ", ".join(f"{count} for stage {stage}" for stage, count in left.items())
            raise ConfigError(f"model {self.name!r} has scripted replies left: {parts}")


def _queue(replies: Iterable[Script], what: str) -> deque[Script]:
    if isinstance(replies, str):
        raise ConfigError(f"{what} is one text where a list of replies belongs: write [text]")
    return deque(replies)


class FunctionModel:
    """A model that is a function of the request, plain or asynchronous.

    Args:
        function: Returns a text or a whole `Reply`.
        name: The model's name.
        native_prefix: As for `ScriptedModel`.
    """

    price_known = True  # it costs what its replies say

    def __init__(
        self,
        function: Callable[[Request], Answer | Awaitable[Answer]],
        *,
        name: str = "function",
        native_prefix: bool = True,
    ) -> None:
        self.name = name
        self._function = function
        self._native_prefix = native_prefix

    async def complete(self, request: Request) -> Reply:
        """Call the function; what it raises passes through."""
        answer = self._function(request)
        if inspect.isawaitable(answer):
            answer = await answer
        return _reply(request, answer, self._native_prefix)


def from_file(path: str, *, native_prefix: bool = True) -> ScriptedModel:
    """The model `scripted:FILE`: a JSON list of texts, or an object of such lists by stage.

    A script that has run out begins again.

    Raises:
        ConfigError: If the file cannot be read.
        DataError: If it holds something else.
    """
    try:
        script = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise DataError(f"{path} is not JSON: {error}") from error
    by_stage = script if isinstance(script, dict) else {"": script}
    for stage, replies in by_stage.items():
        texts = isinstance(replies, list) and all(isinstance(text, str) for text in replies)
        if not texts or not replies:
            where = f"stage {stage!r}" if stage else "the script"
            raise DataError(f"{path}: {where} must be a list of one or more texts")
    return ScriptedModel(
        by_stage.get("", ()),
        by_stage={stage: replies for stage, replies in by_stage.items() if stage},
        name=f"scripted:{path}",
        native_prefix=native_prefix,
        cycle=True,
    )


def from_import(path: str, *, native_prefix: bool = True) -> FunctionModel:
    """The model `function:package.module:attribute`: a function of the request, imported.

    Raises:
        ConfigError: If the module cannot be imported, or holds no such function.
    """
    if "" in path.partition(":"):
        raise ConfigError(f"a model 'function:{path}' cannot be: write function:MODULE:FUNCTION")
    function = imported(f"model 'function:{path}'", path)
    if not callable(function):
        attribute = path.partition(":")[2]
        raise ConfigError(f"model 'function:{path}': {attribute} is no function")
    return FunctionModel(function, name=f"function:{path}", native_prefix=native_prefix)
