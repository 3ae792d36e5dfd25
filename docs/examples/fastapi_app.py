"""One agent behind FastAPI: `uvicorn fastapi_app:app`, then

    curl -N 'http://127.0.0.1:8000/stream?question=How+many+bikes+are+left'

A single agent serves all requests at once. A client that leaves cancels its run.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from forethought import Agent, Budget, RunContext, tool
from forethought.agent.models import FunctionModel
from forethought.agent.types import Message
from forethought.agent.types import Request as ModelRequest


@dataclass
class Shop:
    """What tools of one request may use."""

    stock: dict[str, int]


@tool(timeout=5)
async def stock(context: RunContext[Shop], item: str) -> int:
    """Units left in the warehouse.

    Args:
        item: Catalogue name.
    """
    context.tell(f"looking up {item}")
    await asyncio.sleep(0.01)
    return context.deps.stock.get(item, 0)


def model(request: ModelRequest) -> str:
    """Stands in for a language model, so that this runs anywhere."""
    if "Done so far" not in request.messages[-1].content:
        action = {"name": "stock", "arguments": {"item": "bike"}}
        return json.dumps({"thought": "I look at the stock.", "action": action})
    return json.dumps({"thought": "I know it.", "action": {"answer": "There are 7 bikes left."}})


# In earnest: Agent("openai:gpt-5-mini", ...), or any other name of a model
agent = Agent(FunctionModel(model), tools=[stock], budget=Budget(calls=10, seconds=60))
app = FastAPI()


class Question(BaseModel):
    """A question, and what was said before it."""

    question: str
    history: list[Message] = []


class Answer(BaseModel):
    """An answer, and the conversation to send along with the next question."""

    answer: str
    complete: bool
    history: list[Message]


@app.post("/ask")
async def ask(asked: Question, request: Request) -> Answer:
    """The whole answer as JSON."""
    run = asyncio.create_task(agent.run(asked.question, history=asked.history, deps=_shop()))
    async with _cancelled_when_gone(request, run):
        result = await run
    return Answer(answer=result.output, complete=result.complete, history=list(result.messages))


@app.get("/stream")
async def stream(question: str) -> StreamingResponse:
    """The answer while it is written, as server-sent events."""
    return StreamingResponse(_events(question), media_type="text/event-stream")


async def _events(question: str) -> AsyncIterator[str]:
    async with agent.stream(question, deps=_shop()) as running:
        async for event in running:
            yield _line(event.kind, event.text)
        if running.result is not None:
            yield _line("result", running.result.output)


def _line(kind: str, text: str) -> str:
    return f"event: {kind}\ndata: {json.dumps(text)}\n\n"


def _shop() -> Shop:
    return Shop({"bike": 7})


@contextlib.asynccontextmanager
async def _cancelled_when_gone(request: Request, run: asyncio.Task[object]) -> AsyncIterator[None]:
    """Cancel a run when its client leaves; a streaming response does so by itself."""

    async def watch() -> None:
        while not await request.is_disconnected():
            await asyncio.sleep(0.1)
        run.cancel()

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()
        run.cancel()
