"""`local:`: models on transformers in this process: a directory, a GGUF file or a hub id.

Prefixes are native, schemas constrain, requests that arrive together are written in one batch, and
what prompts have in common is read once. This module is the asynchronous face; the work is done in
a thread (see `agent.models.worker`). Calls no tools in a server's own way.
"""

import asyncio
import os

from forethought.agent.errors import ConfigError, ModelRefused, ModelUnavailable
from forethought.agent.models.batching import Work
from forethought.agent.models.requests import check_requests_allowed
from forethought.agent.models.rows import Tell
from forethought.agent.models.weights import (
    DType,
    Settings,
    check_adapter,
    choose_device,
    choose_dtype,
    resolve,
)
from forethought.agent.models.worker import running, worker_for
from forethought.agent.protocols import Hear
from forethought.agent.types import Reply, Request


class LocalModel:
    """A causal language model on transformers, in this process.

    Equal requests with equal seeds get equal replies, whatever else is written at the same time:
    exactly so but for rounding, which in float32 is rarely seen and in bfloat16 sometimes.

    Args:
        source: A directory with safetensors, a GGUF file, or a hub id such as
            `HuggingFaceTB/SmolLM2-135M-Instruct`.
        revision: Branch, tag or commit of a hub id.
        device: `auto` (CUDA, else MPS, else the CPU) or a device of torch.
        dtype: `auto` (bfloat16 on a GPU, float32 on the CPU), `float32`, `bfloat16` or `float16`.
        adapter: Directory of a PEFT adapter, merged into the weights.
        context: Tokens that prompt and reply may have together; by default what the model was made
            for.
        max_batch: Replies written at once, at most; further ones wait.
        cache_mb: Megabytes of keys and values kept for prompts that begin alike; 0 for none.
        timeout: Seconds that one request may take, waiting included, loading not.
        name: The model's name in traces; by default `local:` and the source.

    Raises:
        ConfigError: If there is no such path, device or precision, or a number cannot work.
        DataError: If a file is not GGUF.
    """

    price_known = True  # it runs here, and costs nothing

    def __init__(
        self,
        source: str | os.PathLike[str],
        *,
        revision: str | None = None,
        device: str = "auto",
        dtype: DType = "auto",
        adapter: str | os.PathLike[str] | None = None,
        context: int | None = None,
        max_batch: int = 8,
        cache_mb: int = 512,
        timeout: float = 600.0,
        name: str | None = None,
    ) -> None:
        _check_numbers(context, max_batch, cache_mb, timeout)
        chosen = choose_device(device)
        choose_dtype(dtype, chosen)
        self.name = name or f"local:{source}"
        self._timeout = timeout
        self._settings = Settings(
            source=resolve(os.fspath(source)),
            revision=revision,
            device=str(chosen),
            dtype=dtype,
            adapter=check_adapter(adapter),
            context=context,
            max_batch=max_batch,
            cache_mb=cache_mb,
        )

    @property
    def work(self) -> Work:
        """What was computed for all models of these settings; shows reuse and batching."""
        worker = running(self._settings)
        return worker.work if worker else Work()

    def start(self) -> None:
        """Load the weights and wait for them; what the first request does by itself.

        Raises:
            ConfigError: If the model cannot be served here.
            DataError: If its files cannot be read.
            MissingExtra: If an adapter is given and PEFT is not installed.
        """
        worker_for(self._settings).ready.result()

    async def complete(self, request: Request) -> Reply:
        """Answer one request; the first one loads the weights. Cancelling it frees its place.

        Raises:
            ConfigError: As `start`; also if real requests are forbidden here.
            DataError: As `start`.
            ModelRefused: If the prompt leaves no room in the context, the chat template does not
                take the messages, or a number of the request cannot work.
            ModelUnavailable: If the reply was not written in time, or memory ran out.
        """
        return await self._ask(request, None)

    async def stream(self, request: Request, hear: Hear) -> Reply:
        """As `complete`, and tell `hear` of the text on the way: whole characters only.

        The pieces together are the reply's text, its prefix included.

        Raises:
            ForethoughtError: As `complete`.
        """
        loop = asyncio.get_running_loop()
        pieces: asyncio.Queue[str | None] = asyncio.Queue()

        def tell(piece: str) -> None:
            loop.call_soon_threadsafe(pieces.put_nowait, piece)

        asking = asyncio.ensure_future(self._ask(request, tell))
        asking.add_done_callback(lambda _: pieces.put_nowait(None))
        try:
            while (piece := await pieces.get()) is not None:
                hear(piece)
            return await asking
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    async def _ask(self, request: Request, tell: Tell | None) -> Reply:
        check_requests_allowed(self.name)
        _check_request(request)
        worker = worker_for(self._settings)
        if not worker.ready.done() or worker.ready.exception() is not None:
            await asyncio.shield(asyncio.wrap_future(worker.ready))
        try:
            async with asyncio.timeout(self._timeout):
                return await asyncio.wrap_future(worker.submit(request, tell))
        except TimeoutError as error:
            raise ModelUnavailable(
                f"{self.name} wrote no whole reply within {self._timeout:g} s: give it more"
                " (timeout=) or ask for less (max_tokens)"
            ) from error


def _check_numbers(context: int | None, max_batch: int, cache_mb: int, timeout: float) -> None:
    if (context is not None and context < 1) or max_batch < 1 or cache_mb < 0 or timeout <= 0:
        raise ConfigError(
            f"context ({context}), max_batch ({max_batch}) and timeout ({timeout:g} s) must be"
            f" above 0, cache_mb ({cache_mb}) at least 0"
        )


def _check_request(request: Request) -> None:
    if request.max_tokens < 1 or not 0.0 <= request.temperature < float("inf"):
        raise ModelRefused(
            f"max_tokens ({request.max_tokens}) must be at least 1 and temperature"
            f" ({request.temperature:g}) at least 0"
        )
