"""The examples run as a user would run them: the app on a real server, the notebook in a kernel."""

import asyncio
import contextlib
import importlib.util
import json
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import nbformat
import pytest
import uvicorn
from nbclient import NotebookClient

from forethought.agent.models import FunctionModel
from forethought.agent.types import Request

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@pytest.fixture
def app() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fastapi_app", EXAMPLES / "fastapi_app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fastapi_app"] = module
    spec.loader.exec_module(module)
    return module


@contextlib.asynccontextmanager
async def served(app: Any) -> AsyncIterator[httpx.AsyncClient]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(app, log_level="warning", lifespan="off", ws="none")
        server = uvicorn.Server(config)
        running = asyncio.create_task(server.serve(sockets=[listening]))
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        try:
            async with httpx.AsyncClient(base_url=address, timeout=10) as client:
                yield client
        finally:
            server.should_exit = True
            await running


def _events(text: str) -> list[tuple[str, str]]:
    parts = [part.split("\n") for part in text.strip().split("\n\n")]
    return [(kind.removeprefix("event: "), json.loads(data[6:])) for kind, data in parts]


async def test_the_app_answers_as_json_and_keeps_the_conversation(app: ModuleType) -> None:
    async with served(app.app) as client:
        first = (await client.post("/ask", json={"question": "How many bikes?"})).json()
        assert (first["answer"], first["complete"]) == ("There are 7 bikes left.", True)
        again = {"question": "Sure?", "history": first["history"]}
        second = (await client.post("/ask", json=again)).json()
        assert [m["content"] for m in second["history"]][:2] == [
            "How many bikes?",
            "There are 7 bikes left.",
        ]
        assert len(second["history"]) == 4


async def test_the_app_streams_events(app: ModuleType) -> None:
    async with served(app.app) as client:
        answers = await asyncio.gather(
            *(client.get("/stream", params={"question": f"q{n}"}) for n in range(20))
        )
    for number, answer in enumerate(answers):
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = _events(answer.text)
        assert events[0] == ("observation", f"Question: q{number}")
        assert ("tool", "looking up bike") in events
        assert events[-1] == ("result", "There are 7 bikes left.")


@pytest.mark.parametrize("way", ["/stream", "/ask"])
async def test_a_client_that_leaves_cancels_its_run(app: ModuleType, way: str) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def never(request: Request) -> str:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
        return ""

    app.agent.model = FunctionModel(never)
    async with served(app.app) as client:
        if way == "/stream":
            call = client.get(way, params={"question": "?"})
        else:
            call = client.post(way, json={"question": "?"})
        asking = asyncio.create_task(call)
        await asyncio.wait_for(begun.wait(), 5)
        asking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asking
        await asyncio.wait_for(ended.wait(), 5)


def test_the_notebook_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    path = EXAMPLES / "notebook.ipynb"
    notebook: Any = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    assert all(not cell.get("outputs") for cell in notebook.cells)
    client = NotebookClient(notebook, timeout=60, kernel_name="python3")
    client.execute(cwd=str(tmp_path))
    outputs = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
    assert outputs[1][0]["data"]["text/plain"] == "(3, 2)"
    assert "end | terminated" in outputs[2][0]["text"]
    assert "use await agent.run" in outputs[3][0]["text"]
