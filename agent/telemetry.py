"""OpenTelemetry spans of episodes, by the GenAI semantic conventions; only when asked for.

```
invoke_agent ARM                 one episode
├── plan ARM                     one decision, with a `gen_ai.evaluation.result` event per estimate
│   └── chat MODEL               one model call
└── execute_tool NAME            one tool call, for tools wrapped by `Telemetry.tool`
```

Names are those of `opentelemetry-semantic-conventions` 0.66b2, and `plan`, which the conventions
took up later; what they do not name begins with `forethought.`.
Prompts, replies, thoughts, actions, goals, tool arguments and error messages are content, and left
out unless `capture_content` is set; even then secrets are taken out of them (`agent.redact`).
Parents follow the context of the code that runs, so that concurrent episodes keep apart. Sends
nothing by itself: that is the tracer provider's part.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from forethought.agent.errors import needs
from forethought.agent.loop import Listen, ignore
from forethought.agent.protocols import CallsTools, Hear, Model, RunContext, Streams, Tool
from forethought.agent.redact import Redactor
from forethought.agent.semconv import (
    Value,
    messages_json,
    model_attributes,
    reply_json,
    request_attributes,
    to_json,
)
from forethought.agent.types import Episode, Event, Reply, Request, Usage

with needs("OpenTelemetry", "pip install 'forethought[otel]'"):
    from opentelemetry import context, trace
    from opentelemetry.trace import Span, SpanKind, Status, StatusCode, TracerProvider

EVALUATION = "gen_ai.evaluation.result"
"""Name of the event of one estimate."""
_REMOTE = frozenset({"anthropic", "openai"})


@dataclass(frozen=True, slots=True)
class Watched:
    """What to give to the episode that is watched."""

    model: Model | None
    listen: Listen


class Telemetry:
    """Makes spans of episodes, model calls and tool calls.

    Args:
        tracer_provider: Where spans go; the global one by default.
        capture_content: Whether texts of the conversation are part of the spans.
        secrets: Texts that are taken out of them; keys of known forms and those of the environment
            are anyway.
    """

    def __init__(
        self,
        tracer_provider: TracerProvider | None = None,
        *,
        capture_content: bool = False,
        secrets: Iterable[str] = (),
    ) -> None:
        self._redactor = Redactor(secrets)
        self._tracer = trace.get_tracer("forethought", tracer_provider=tracer_provider)
        self._content = capture_content

    def hide(self, secrets: Iterable[str]) -> None:
        """Take these secrets out too."""
        self._redactor.hide(secrets)

    @contextmanager
    def episode(
        self, episode: Episode, *, model: Model | None = None, listen: Listen = ignore
    ) -> Iterator[Watched]:
        """Watch one episode: play it inside, with the model and the listener given.

        Args:
            episode: What will be played; its arm is the agent's name.
            model: The model it will be played with.
            listen: Who else listens.
        """
        self._redactor.look()
        attributes: dict[str, Value] = {
            "gen_ai.conversation.id": episode.id,
            "forethought.env": episode.env,
            "forethought.seed": episode.seed,
            "forethought.instance": episode.instance,
        }
        if episode.arm:
            attributes["gen_ai.agent.name"] = episode.arm
        if model is not None:
            attributes |= model_attributes(model.name)
        with self._span("invoke_agent", episode.arm, SpanKind.INTERNAL, attributes) as span:
            watch = _Watch(self, span, episode, listen)
            try:
                yield Watched(_WatchedModel(model, self, watch) if model else None, watch.hear)
            finally:
                watch.close()

    def tool(self, tool: Tool) -> Tool:
        """The same tool, each of its calls a span."""
        if hasattr(tool, "call_in"):
            return _WatchedContextTool(tool, self)
        return _WatchedTool(tool, self)

    @contextmanager
    def _span(
        self, operation: str, name: str, kind: SpanKind, attributes: Mapping[str, Value]
    ) -> Iterator[Span]:
        with self._tracer.start_as_current_span(
            f"{operation} {name}" if name else operation,
            kind=kind,
            attributes={"gen_ai.operation.name": operation, **attributes},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield span
            except BaseException as error:  # told and passed on, cancellation too
                self._fail(span, type(error).__name__, str(error))
                raise

    def _fail(self, span: Span, kind: str, message: str) -> None:
        span.set_attribute("error.type", kind)
        span.set_status(
            Status(StatusCode.ERROR, self._redactor.text(message) if self._content else None)
        )


class _Watch:
    """The spans of one episode under way."""

    def __init__(self, telemetry: Telemetry, span: Span, episode: Episode, listen: Listen) -> None:
        self.id = episode.id
        self.failed = ""
        """Class of the last error of the model."""
        self._telemetry = telemetry
        self._span = span
        self._arm = episode.arm
        self._listen = listen
        self._usage = Usage()
        self._decisions = 0
        self._plan: tuple[Span, Any] | None = None

    def hear(self, event: Event) -> None:
        """Follow the episode, and let the others hear too."""
        if event.kind == "observation":
            self._begin()
        if event.estimates:
            self._estimates(event)
        self._note(event)
        if event.kind in {"action", "end"}:
            self._end()
        if event.kind == "end":
            self._outcome(event.text)
        self._listen(event)

    def count(self, usage: Usage) -> None:
        """Add a call to what the episode cost."""
        self._usage = self._usage + usage

    def close(self) -> None:
        """End what an interruption left open. The context falls back with the episode's own."""
        if self._plan is not None:
            self._plan[0].end()
        if self._usage.calls:
            self._span.set_attribute("gen_ai.usage.input_tokens", self._usage.prompt_tokens)
            self._span.set_attribute("gen_ai.usage.output_tokens", self._usage.completion_tokens)

    def _begin(self) -> None:
        self._end()
        attributes: dict[str, Value] = {
            "gen_ai.operation.name": "plan",
            "gen_ai.conversation.id": self.id,
            "forethought.decision": self._decisions,
        }
        if self._arm:
            attributes["gen_ai.agent.name"] = self._arm
        span = self._telemetry._tracer.start_span(
            f"plan {self._arm}" if self._arm else "plan", attributes=attributes
        )
        self._decisions += 1
        self._plan = span, context.attach(trace.set_span_in_context(span))

    def _end(self) -> None:
        if self._plan is not None:
            span, token = self._plan
            self._plan = None
            context.detach(token)
            span.end()

    def _note(self, event: Event) -> None:
        if self._plan is None:
            return
        span = self._plan[0]
        if event.kind == "fallback":
            span.set_attribute("forethought.fallback", value=True)
        if self._telemetry._content and event.kind in {"thought", "action"}:
            span.set_attribute(f"forethought.{event.kind}", self._clean(event.text))
        if self._telemetry._content and event.kind == "refined":
            span.set_attribute("forethought.thought", self._clean(event.text))

    def _clean(self, text: str) -> str:
        return self._telemetry._redactor.text(text)

    def _estimates(self, event: Event) -> None:
        """One event for each estimate."""
        span = self._plan[0] if self._plan else self._span
        for place, (goal, estimate) in enumerate(zip(event.goals, event.estimates, strict=False)):
            told = f"90 % interval {estimate.low:.2f} to {estimate.high:.2f}"
            span.add_event(
                EVALUATION,
                {
                    "gen_ai.evaluation.name": f"forethought.{goal.kind}",
                    "gen_ai.evaluation.score.value": estimate.chance,
                    "gen_ai.evaluation.score.label": "supported"
                    if estimate.supported
                    else "unsupported",
                    "gen_ai.evaluation.explanation": f"{self._clean(goal.text)} {told}"
                    if self._telemetry._content
                    else told,
                    "forethought.goal.index": place,
                    "forethought.event": event.kind,
                },
            )

    def _outcome(self, reason: str) -> None:
        end, _, message = reason.partition(": ")
        self._span.set_attribute("forethought.outcome", end)
        if end == "error":
            self._telemetry._fail(self._span, self.failed or "_OTHER", message)


class _WatchedModel:
    """A model, each of its calls a span."""

    def __init__(self, model: Model, telemetry: Telemetry, watch: _Watch) -> None:
        self.name = model.name
        self._model = model
        self._telemetry = telemetry
        self._watch = watch
        self._attributes = model_attributes(model.name)
        remote = "server.address" in self._attributes or model.name.partition(":")[0] in _REMOTE
        self._kind = SpanKind.CLIENT if remote else SpanKind.INTERNAL

    @property
    def calls_tools(self) -> bool:
        return isinstance(self._model, CallsTools) and self._model.calls_tools

    async def complete(self, request: Request) -> Reply:
        return await self._watched(request, self._model.complete, {})

    async def stream(self, request: Request, hear: Hear) -> Reply:
        model = self._model
        if not isinstance(model, Streams):
            return await self.complete(request)
        return await self._watched(
            request, lambda asked: model.stream(asked, hear), {"gen_ai.request.stream": True}
        )

    async def _watched(
        self,
        request: Request,
        ask: Callable[[Request], Awaitable[Reply]],
        more: Mapping[str, Value],
    ) -> Reply:
        telemetry, watch = self._telemetry, self._watch
        watch.failed = ""
        attributes = {
            **self._attributes,
            **request_attributes(request),
            **more,
            "gen_ai.conversation.id": watch.id,
        }
        name = str(self._attributes["gen_ai.request.model"])
        with telemetry._span("chat", name, self._kind, attributes) as span:
            if telemetry._content:
                said = telemetry._redactor.line(messages_json(request.messages))
                span.set_attribute("gen_ai.input.messages", said)
            try:
                reply = await ask(request)
            except Exception as error:  # only its class is noted; it passes on
                watch.failed = type(error).__name__
                raise
            span.set_attribute("gen_ai.response.finish_reasons", [reply.finish])
            span.set_attribute("gen_ai.usage.input_tokens", reply.usage.prompt_tokens)
            span.set_attribute("gen_ai.usage.output_tokens", reply.usage.completion_tokens)
            if telemetry._content:
                said = telemetry._redactor.line(reply_json(reply))
                span.set_attribute("gen_ai.output.messages", said)
            watch.count(reply.usage)
        return reply


class _WatchedTool:
    """A tool, each of its calls a span."""

    def __init__(self, tool: Tool, telemetry: Telemetry) -> None:
        self.name = tool.name
        self.description = tool.description
        self.schema = tool.schema
        self.outside = bool(getattr(tool, "outside", False))
        self._tool = tool
        self._telemetry = telemetry

    async def call(self, arguments: Mapping[str, Any]) -> str:
        return await self._watched(arguments, lambda: self._tool.call(arguments))

    async def _watched(
        self, arguments: Mapping[str, Any], call: Callable[[], Awaitable[str] | str]
    ) -> str:
        attributes: dict[str, Value] = {
            "gen_ai.tool.name": self.name,
            "gen_ai.tool.type": "function",
        }
        if self.outside:
            attributes["forethought.outside"] = True
        content, redactor = self._telemetry._content, self._telemetry._redactor
        with self._telemetry._span(
            "execute_tool", self.name, SpanKind.INTERNAL, attributes
        ) as span:
            if content:
                span.set_attribute("gen_ai.tool.call.arguments", redactor.line(to_json(arguments)))
            answer = call()
            text = await answer if inspect.isawaitable(answer) else answer
            if content:
                span.set_attribute("gen_ai.tool.call.result", redactor.text(text))
        return text


class _WatchedContextTool(_WatchedTool):
    """A tool that is told of its run."""

    async def call_in(self, run: RunContext[Any], arguments: Mapping[str, Any]) -> str:
        inner: Any = self._tool
        return await self._watched(arguments, lambda: inner.call_in(run, arguments))
