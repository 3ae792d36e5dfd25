"""Replies of a model kept as JSON lines, so that none is written twice.

A job is one reply wanted: a question, a prefix, a number that chooses the sample. What is in the
file already is not asked for again, so an interrupted run goes on where it stopped.
"""

import json
import time
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from prefix_tasks import Question

from forethought.agent.protocols import Model
from forethought.agent.types import Message, Request


@dataclass(frozen=True, slots=True)
class Job:
    """One reply wanted."""

    question: Question
    prefix: str = ""
    sample: int = 0
    temperature: float = 0.0
    max_tokens: int = 256
    wording: int = 0
    """Which way of asking."""

    @property
    def key(self) -> str:
        """What makes two jobs the same."""
        parts = [self.question.id, self.prefix, self.sample, self.temperature, self.max_tokens]
        return json.dumps(parts + ([self.wording] if self.wording else []))


@dataclass(frozen=True, slots=True)
class Written:
    """One reply as kept."""

    key: str
    question: str
    prefix: str
    text: str
    """The whole reply, its prefix included."""
    tokens: int
    """Tokens the model wrote, its prefix not included."""
    prompt_tokens: int
    finish: str
    mode: str
    """How the prefix came about."""
    seconds: float

    @property
    def cut(self) -> bool:
        """Whether the limit ended it."""
        return self.finish == "length"


class Replies:
    """The replies of one model in one file.

    Args:
        file: Appended to; read first where it is there.
        model: Asked for what the file lacks.
    """

    def __init__(self, file: Path, model: Model) -> None:
        self.file, self.model = file, model
        self._kept: dict[str, Written] = {}
        self.file.parent.mkdir(parents=True, exist_ok=True)
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        for line in lines:
            row = Written(**json.loads(line))
            self._kept[row.key] = row

    async def write(self, jobs: Iterable[Job]) -> list[Written]:
        """The replies to these jobs, in their order; one request at a time."""
        return [self._kept.get(job.key) or await self._ask(job) for job in jobs]

    async def _ask(self, job: Job) -> Written:
        seed = zlib.crc32(f"{job.question.id} {job.sample}".encode()) >> 1
        request = Request(
            (Message("user", job.question.prompt(job.wording)),),
            prefix=job.prefix,
            max_tokens=job.max_tokens,
            temperature=job.temperature,
            seed=seed,
        )
        began = time.monotonic()
        reply = await self.model.complete(request)
        row = Written(
            job.key,
            job.question.id,
            job.prefix,
            reply.text,
            reply.usage.completion_tokens,
            reply.usage.prompt_tokens,
            reply.finish,
            reply.prefix_mode,
            round(time.monotonic() - began, 2),
        )
        with self.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(row), ensure_ascii=False) + "\n")
        self._kept[row.key] = row
        return row
