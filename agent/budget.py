"""What an episode may spend, and the meter that holds it to that.

A `Meter` wraps a model and is a model itself. Limits are enforced before a call: a call that would
pass one is never made. What a prompt will cost is not known before the server has counted it, so
its tokens are taken to be a quarter of its characters until then. Knows nothing of planners,
environments or retries.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, fields, replace

from forethought.agent.errors import BudgetExhausted, ConfigError
from forethought.agent.protocols import CallsTools, HasPrice, Hear, Model, Streams
from forethought.agent.types import Reply, Request, Usage

CHARACTERS_PER_TOKEN = 4
"""Characters of prompt taken for one token before the server has counted."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits of one episode; `None` is no limit.

    Raises:
        ConfigError: If a limit is not a number above 0.
    """

    calls: int | None = None
    """Model calls."""
    tokens: int | None = None
    """Tokens, prompts included."""
    seconds: float | None = None
    """Wall-clock seconds from the start of the episode."""
    dollars: float | None = None
    """Price; only for models whose price is known."""
    steps: int | None = None
    """Decisions."""

    def __post_init__(self) -> None:
        for spec in fields(self):
            value = getattr(self, spec.name)
            whole = spec.name in {"calls", "tokens", "steps"}
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
                kind = "a whole number" if whole else "a number"
                raise ConfigError(f"budget: {spec.name} must be {kind}, not {value!r}")
            if not 0 < value < float("inf"):
                raise ConfigError(
                    f"budget: {spec.name} must be above 0 and finite, not {value!r}; "
                    "leave it out for no limit"
                )


class Clock:
    """The seconds of a budget; they run from now on.

    Args:
        seconds: The limit; `None` for none.
    """

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self._started = time.monotonic()

    @property
    def left(self) -> float | None:
        """Seconds until the limit, 0 or more; `None` without a limit."""
        if self.seconds is None:
            return None
        return max(0.0, self.seconds - (time.monotonic() - self._started))

    def check(self, cut_off: str = "") -> None:
        """Say whether any time is left.

        Args:
            cut_off: What was interrupted, for the message; the time is then known to be up.

        Raises:
            BudgetExhausted: If none is.
        """
        if cut_off or self.left == 0:
            end = f"; {cut_off} was cut off" if cut_off else ""
            raise BudgetExhausted(f"all {self.seconds:g} seconds are used{end}")


def prompt_tokens(request: Request) -> int:
    """Tokens of a request's prompt, estimated from its characters, tools and schema included."""
    characters = sum(len(message.content) for message in request.messages) + len(request.prefix)
    for tool in request.tools:
        characters += len(tool.name) + len(tool.description) + len(str(tool.schema))
    if request.schema is not None:
        characters += len(str(request.schema))
    return -(-characters // CHARACTERS_PER_TOKEN)


class Meter:
    """A model that counts what it costs and refuses a call that would pass a limit.

    Args:
        model: The model to wrap; a meter too, where several episodes share a budget.
        budget: The limits.
        clock: The clock of `seconds`; by default one that starts now.

    Raises:
        ConfigError: If dollars are limited and the model's price is not known.
    """

    def __init__(
        self, model: Model, budget: Budget | None = None, clock: Clock | None = None
    ) -> None:
        self.name = model.name
        self.budget = budget or Budget()
        self.by_stage: dict[str, Usage] = {}
        self.total = Usage()
        self._model = model
        self._caller = (
            model if isinstance(model, CallsTools) else None
        )  # looked up once: it is slow
        self._clock = clock or Clock(self.budget.seconds)
        self._calls = 0
        self._held_tokens = 0
        self._fresh: dict[str, Usage] = {}
        if self.budget.dollars is not None and not self.price_known:
            raise ConfigError(
                f"a budget of {self.budget.dollars:g} dollars cannot be kept: the price of "
                f"{model.name} is not known; give one (prices=) or leave dollars out"
            )

    def check(self) -> None:
        """Say whether anything is left to spend.

        Raises:
            BudgetExhausted: If no further call could be made, with the reason on one line.
        """
        limits = self.budget
        if limits.calls is not None and self._calls >= limits.calls:
            raise BudgetExhausted(f"all {limits.calls} calls are used")
        self._clock.check()
        if limits.dollars is not None and self.total.dollars >= limits.dollars:
            raise BudgetExhausted(f"all {limits.dollars:g} dollars are used")
        if limits.tokens is not None and self.total.tokens >= limits.tokens:
            raise BudgetExhausted(f"all {limits.tokens} tokens are used")

    def take(self) -> Mapping[str, Usage]:
        """What was spent since the last `take`, by stage."""
        fresh, self._fresh = self._fresh, {}
        return fresh

    async def complete(self, request: Request) -> Reply:
        """Pass one request on, its length clipped to the tokens left.

        Raises:
            ModelError: As the model wrapped.
            BudgetExhausted: If the call would pass a limit, or the seconds ran out under way.
        """
        return await self._metered(request, self._model.complete)

    async def stream(self, request: Request, hear: Hear) -> Reply:
        """As `complete`, heard while it is written where the model can be.

        Raises:
            ModelError: As the model wrapped.
            BudgetExhausted: As `complete`.
        """
        model = self._model
        if not isinstance(model, Streams):
            return await self.complete(request)
        return await self._metered(request, lambda clipped: model.stream(clipped, hear))

    @property
    def calls_tools(self) -> bool:
        """Whether the model wrapped calls tools in its server's own way."""
        return self._caller is not None and self._caller.calls_tools

    @property
    def price_known(self) -> bool:
        """Whether the dollars counted are what the model wrapped costs."""
        return isinstance(self._model, HasPrice) and self._model.price_known

    async def _metered(self, request: Request, ask: Callable[[Request], Awaitable[Reply]]) -> Reply:
        self.check()
        request, held = self._clip(request)
        self._calls += 1
        self._held_tokens += held
        begun = time.monotonic()
        reply: Reply | None = None
        try:
            async with asyncio.timeout(self._clock.left) as deadline:
                reply = await ask(request)
        except TimeoutError:
            if deadline.expired():
                self._clock.check("a call")
            raise
        finally:
            self._held_tokens -= held
            self._record(request.stage, reply, time.monotonic() - begun)
        return reply

    def _clip(self, request: Request) -> tuple[Request, int]:
        """The request with `max_tokens` that fit, and the tokens to hold while it is under way."""
        if self.budget.tokens is None:
            return request, 0
        prompt = prompt_tokens(request)
        room = self.budget.tokens - self.total.tokens - self._held_tokens - prompt
        if room < 1:
            raise BudgetExhausted(
                f"{self.budget.tokens - self.total.tokens} of {self.budget.tokens} tokens are left "
                f"and the next prompt needs about {prompt}"
            )
        if room < request.max_tokens:
            request = replace(request, max_tokens=room)
        return request, prompt + request.max_tokens

    def _record(self, stage: str, reply: Reply | None, seconds: float) -> None:
        """Count a call, failed ones too; what the model did not count itself is filled in.

        A reply that came from a cache was no call and is not charged as one.
        """
        cost = reply.usage if reply else Usage()
        calls = cost.calls if cost.cached else max(cost.calls, 1)
        if calls == 0:
            self._calls -= 1
        cost = replace(cost, calls=calls, seconds=cost.seconds or seconds)
        self.total = self.total + cost
        for ledger in (self.by_stage, self._fresh):
            ledger[stage] = ledger.get(stage, Usage()) + cost
