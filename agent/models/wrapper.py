"""What every wrapper around a model shares: it is a model itself and hands everything on.

Streaming and tool calls stay what they are in the model wrapped. A wrapper that acts on every call
overrides `_ask`. Knows nothing of what wrappers do.
"""

from collections.abc import Awaitable, Callable

from forethought.agent.protocols import CallsTools, HasPrice, Hear, Model, Streams
from forethought.agent.types import Reply, Request

Ask = Callable[[Request], Awaitable[Reply]]


class Wrapper:
    """A model that does as another one does.

    Args:
        model: The model to wrap; it may be a wrapper too.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        """The model wrapped."""
        self.name = model.name

    async def complete(self, request: Request) -> Reply:
        """Pass one request on.

        Raises:
            ModelError: As the model wrapped.
        """
        return await self._ask(request, self.model.complete)

    async def stream(self, request: Request, hear: Hear) -> Reply:
        """As `complete`, heard while it is written where the model wrapped can be.

        Raises:
            ModelError: As the model wrapped.
        """
        model = self.model
        if isinstance(model, Streams):
            return await self._ask(request, lambda each: model.stream(each, hear))
        return await self._ask(request, model.complete)

    @property
    def calls_tools(self) -> bool:
        """Whether the model wrapped calls tools in its server's own way."""
        return isinstance(self.model, CallsTools) and self.model.calls_tools

    @property
    def price_known(self) -> bool:
        """Whether the dollars of its usage are what its calls cost."""
        return isinstance(self.model, HasPrice) and self.model.price_known

    async def _ask(self, request: Request, ask: Ask) -> Reply:
        """Make one call; `ask` is the way to the model wrapped, heard or not."""
        return await ask(request)
