import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from forethought.agent.errors import ConfigError
from forethought.agent.models import (
    Cached,
    FunctionModel,
    OpenAIModel,
    ScriptedModel,
    allow_requests,
    forbid_requests,
    load_model,
)
from forethought.agent.models.requests import VARIABLE, check_requests_allowed
from forethought.agent.types import Message, Request

ASK = Request((Message("user", "Hello?"),))


@pytest.fixture(autouse=True)
def _not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


def test_the_innermost_word_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    check_requests_allowed("m")
    with forbid_requests():
        with pytest.raises(ConfigError, match=r"model 'm' .*allow_requests\(\)"):
            check_requests_allowed("m")
        with allow_requests():
            check_requests_allowed("m")
            with forbid_requests(), pytest.raises(ConfigError):
                check_requests_allowed("m")
        with pytest.raises(ConfigError):
            check_requests_allowed("m")
    check_requests_allowed("m")
    monkeypatch.setenv(VARIABLE, "1")
    with pytest.raises(ConfigError, match=VARIABLE):
        check_requests_allowed("m")
    with allow_requests():
        check_requests_allowed("m")


@pytest.mark.parametrize(("value", "allowed"), [("", True), ("0", True), ("1", False), ("yes", 0)])
def test_the_variable(monkeypatch: pytest.MonkeyPatch, value: str, allowed: bool) -> None:
    monkeypatch.setenv(VARIABLE, value)
    if allowed:
        check_requests_allowed("m")
    else:
        with pytest.raises(ConfigError):
            check_requests_allowed("m")


async def test_a_server_is_never_reached() -> None:
    reached = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.append(await reader.read(1))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        model = OpenAIModel("m", base_url=f"http://127.0.0.1:{port}/v1", retries=0)
        with forbid_requests():
            with pytest.raises(ConfigError, match="openai:m@http"):
                await model.complete(ASK)
            with pytest.raises(ConfigError):
                await asyncio.gather(asyncio.create_task(model.complete(ASK)))
    assert reached == []


async def test_an_engine_is_never_started() -> None:
    pytest.importorskip("xllamacpp")
    with forbid_requests(), pytest.raises(ConfigError, match="'builtin'"):
        await load_model("builtin").complete(ASK)


async def test_doubles_and_kept_replies_go_on(tmp_path: Path) -> None:
    with forbid_requests():
        assert (await ScriptedModel(["a"]).complete(ASK)).text == "a"
        kept = FunctionModel(lambda _: "kept", name="openai:m@http://127.0.0.1:9/v1")
        await Cached(kept, tmp_path).complete(ASK)
        real = load_model("openai:m@http://127.0.0.1:9/v1", cache=tmp_path, api_key="k")
        assert (await real.complete(ASK)).text == "kept"
        with pytest.raises(ConfigError, match="forbidden"):
            await real.complete(Request((Message("user", "Something else?"),)))


async def test_what_runs_elsewhere_is_not_touched() -> None:
    outcome = []

    def in_a_thread() -> None:
        check_requests_allowed("m")
        outcome.append("allowed")

    with forbid_requests():
        thread = threading.Thread(target=in_a_thread)
        thread.start()
        thread.join()
        with pytest.raises(ConfigError):
            await asyncio.to_thread(check_requests_allowed, "m")
    assert outcome == ["allowed"]


CONFTESTS = [
    """
import pytest

@pytest.fixture(autouse=True)
def no_real_requests(monkeypatch):
    monkeypatch.setenv("FORETHOUGHT_NO_REQUESTS", "1")
""",
    """
import pytest
from forethought.agent.models import forbid_requests

@pytest.fixture(autouse=True)
def no_real_requests():
    with forbid_requests():
        yield
""",
]
TESTS = """
import pytest
from forethought.agent.errors import ConfigError
from forethought.agent.models import allow_requests
from forethought.agent.models.requests import check_requests_allowed

def test_plain():
    with pytest.raises(ConfigError):
        check_requests_allowed("m")

async def test_async():
    with pytest.raises(ConfigError):
        check_requests_allowed("m")
    with allow_requests():
        check_requests_allowed("m")
"""


@pytest.mark.parametrize("conftest", CONFTESTS, ids=["variable", "context"])
def test_a_fixture_forbids_requests(tmp_path: Path, conftest: str) -> None:
    (tmp_path / "conftest.py").write_text(conftest)
    (tmp_path / "test_it.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_mode=auto\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    child = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert child.returncode == 0, child.stdout + child.stderr
    assert "2 passed" in child.stdout
