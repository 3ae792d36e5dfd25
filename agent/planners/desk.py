"""One decision's dealings with the model: asking, and one repair for each stage.

A reply that cannot be read is shown back to the model once with what was wrong; after that the
planner has to fall back. Holds the template check too, because every prompt passes through here.
Knows nothing of what is asked.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from string import Formatter
from typing import Any, Generic, Literal, TypeVar

from forethought.agent.errors import BudgetExhausted, ConfigError
from forethought.agent.parsing import clean
from forethought.agent.protocols import Model, Streams, Turn
from forethought.agent.types import (
    Event,
    Message,
    PrefixMode,
    Reply,
    Request,
    ToolCall,
    ToolSpec,
)

T = TypeVar("T")
Read = Callable[[str], tuple[T | None, str]]
"""A reply's text to its value, or `None` and what was wrong in words."""

REPAIR = """\
That reply could not be used: {problem}. Answer the question again, in the form it asks for and \
with nothing else."""


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What came of a question."""

    value: T | None
    """`None` when no reply could be read."""
    text: str
    """The last reply, as written."""
    prefix_mode: PrefixMode = "none"
    calls: tuple[ToolCall, ...] = ()
    """Tools called in the server's own way; there is then no value."""


class Desk:
    """Asks the turn's model on behalf of one decision.

    Args:
        turn: The decision to take.
        planner: Who asks, for messages.
        repair: Template of what is said about a reply that cannot be read, with `{problem}`.
    """

    def __init__(self, turn: Turn, planner: str, repair: str = REPAIR) -> None:
        self.turn = turn
        self.repairs = 0
        """Calls made because a reply could not be read."""
        self.repeats = 0
        """Imagined goals thrown away because they say what another one says."""
        self._planner = planner
        self._repair = repair
        self._repaired: set[str] = set()

    @property
    def model(self) -> Model:
        """The turn's model.

        Raises:
            ConfigError: If there is none.
        """
        if self.turn.model is None:
            raise ConfigError(
                f"planner {self._planner!r} needs a model here: give one, as in "
                f"{self._planner}@builtin"
            )
        return self.turn.model

    @property
    def native_tools(self) -> tuple[ToolSpec, ...]:
        """The tools that the model can be sent in its server's own way; empty where it cannot."""
        tools = self.turn.observation.tools
        if not tools:
            return ()
        # `CallsTools`, looked at by its attribute: asking isinstance takes longer than a decision
        return tools if getattr(self.model, "calls_tools", False) else ()

    async def ask(
        self,
        stage: str,
        prompt: str,
        read: Read[T],
        *,
        schema: Mapping[str, Any] | None = None,
        prefix: str = "",
        tools: Sequence[ToolSpec] = (),
        max_tokens: int = 256,
    ) -> Answer[T]:
        """Ask once, and once more where the reply cannot be read and the stage has a repair left.

        Tools that are sent may be called instead: `Answer.calls` holds the calls.

        Raises:
            ModelError: If the model failed for good.
            BudgetExhausted: If the call would pass a limit; a repair that would is left out.
        """
        system = self._system(stage, tools)
        messages = (*system, Message("user", prompt))
        answer: Answer[T] | None = None
        while True:
            request = Request(
                messages,
                prefix=prefix,
                stage=stage,
                schema=schema,
                tools=tuple(tools),
                max_tokens=max_tokens,
                seed=self.turn.rng.getrandbits(31),
            )
            try:
                reply = await self._complete(request)
            except BudgetExhausted:
                if answer is None:
                    raise
                return answer
            self.repairs += answer is not None
            text = clean(reply.text)
            if reply.calls:
                return Answer(None, text, reply.prefix_mode, reply.calls)
            value, problem = read(text)
            answer = Answer(value, text, reply.prefix_mode)
            if value is not None or stage in self._repaired:
                return answer
            self._repaired.add(stage)
            messages = (
                *system,
                Message("user", prompt),
                Message("assistant", text or "(nothing)"),
                Message("user", self._repair.format(problem=problem)),
            )

    def _system(self, stage: str, tools: Sequence[ToolSpec]) -> tuple[Message, ...]:
        """The world's standing text, and how actions are written where tools are not sent.

        A model that is sent tools to act only hears what they are for in the other stages.
        """
        info = self.turn.observation.info
        manual = "" if tools else info.get("manual", "")
        if manual and stage != "act" and self.native_tools:
            listed = (f"- {each.name}: {each.description}" for each in self.native_tools)
            manual = "\n".join(["Tools:", *listed])
        text = "\n\n".join(str(part) for part in (info.get("rules"), manual) if part)
        return (Message("system", text),) if text else ()

    async def _complete(self, request: Request) -> Reply:
        """The reply, told piece by piece where somebody wants it so and the model can."""
        turn, model = self.turn, self.model
        if not (turn.live and isinstance(model, Streams)):
            return await model.complete(request)

        def hear(piece: str | None) -> None:
            kind: Literal["restart", "text"] = "restart" if piece is None else "text"
            turn.emit(Event(kind, piece or "", stage=request.stage))

        return await model.stream(request, hear)


def check_template(name: str, template: str, known: Collection[str]) -> str:
    """Give a prompt template back if its fields are known.

    Raises:
        ConfigError: If it has a field that will not be filled, or cannot be parsed.
    """
    try:
        fields = {field for _, field, _, _ in Formatter().parse(template) if field is not None}
    except ValueError as error:
        raise ConfigError(f"prompt {name}: {error}; double the braces that are text") from error
    unknown = fields - set(known)
    if unknown:
        raise ConfigError(
            f"prompt {name} has unknown fields {sorted(unknown)}; it may use {sorted(known)}, and "
            "braces that are text must be doubled"
        )
    return template
