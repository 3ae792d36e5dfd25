import sys
from pathlib import Path
from typing import Any

import pytest

from forethought.agent import models
from forethought.agent.errors import ConfigError, UnknownName
from forethought.agent.models import FunctionModel, OpenAIModel, Priced, load_model, model_schemes
from forethought.agent.types import Message, Reply, Request, Usage


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


def made(name: str, **options: Any) -> OpenAIModel:
    model = load_model(name, **options)
    if isinstance(model, Priced):
        model = model.model
    assert isinstance(model, OpenAIModel)
    return model


def test_openai_names() -> None:
    public = made("openai:gpt-5")
    assert (public.name, public.url) == ("openai:gpt-5", "https://api.openai.com/v1")
    own = made("openai:org/llama@3@http://host:8000/v1/")
    assert (own.name, own.url) == ("openai:org/llama@3@http://host:8000/v1", "http://host:8000/v1")
    given = made("openai:m", base_url="https://example.com/v1", timeout=3)
    assert given.name == "openai:m@https://example.com/v1"


def test_the_address_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://host/v1")
    assert made("openai:m").url == "http://host/v1"
    assert made("openai:m@http://other/v1").url == "http://other/v1"


@pytest.mark.parametrize(
    "name", ["openai:m@localhost:8000/v1", "openai:m@host.org:80", "openai:m@localhost"]
)
def test_an_address_without_http(name: str) -> None:
    with pytest.raises(ConfigError, match="http://"):
        load_model(name)


@pytest.mark.parametrize(
    "name", ["openai", "openai:", "openai: ", "gguf:", "builtin:x", "builtin:"]
)
def test_names_that_lack_or_have_too_much(name: str) -> None:
    with pytest.raises(ConfigError, match="write "):
        load_model(name)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("opnai:gpt", "did you mean 'openai'"),
        ("gpt-5", "known: anthropic"),
        ("", "known"),
        (":x", "known"),
    ],
)
def test_unknown_kinds(name: str, hint: str) -> None:
    with pytest.raises(UnknownName, match=hint):
        load_model(name)


def test_unknown_options_are_named() -> None:
    with pytest.raises(ConfigError, match="openai models have no option 'tiemout'; known: api_key"):
        load_model("openai:m", tiemout=3)
    with pytest.raises(ConfigError, match="builtin models have no option 'file'"):
        load_model("builtin", file="x")


async def test_functions_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_bot.py").write_text(
        "def reply(request):\n    return request.messages[-1].content\n"
        "class Bot:\n    @staticmethod\n    async def reply(request):\n        return 'held'\n"
        "number = 3\n"
    )
    (tmp_path / "broken_bot.py").write_text("raise ValueError('not\\ntoday')\n")
    (tmp_path / "poor_bot.py").write_text("import os\nos.environ['HOME_OF_BOTS']\n")
    (tmp_path / "odd_bot.py").write_text("import os\nos.nest\n")
    monkeypatch.syspath_prepend(tmp_path)
    model = load_model("function:own_bot:reply")
    assert isinstance(model, FunctionModel)
    assert model.name == "function:own_bot:reply"
    ask = Request((Message("user", "Hello?"),), prefix="Well, ")
    assert (await model.complete(ask)).text == "Well, Hello?"
    emulated = load_model("function:own_bot:Bot.reply", native_prefix=False)
    assert await emulated.complete(ask) == Reply("held", Usage(1, 1, 1), "none")
    for name, wrong in {
        "own_bot": "write function:MODULE:FUNCTION",
        "own_bot:": "write function:MODULE:FUNCTION",
        "own_bot:nothing": "no attribute 'nothing'",
        "own_bot:number": "number is no function",
        "no_such_bot:reply": r"no_such_bot cannot be imported \(No module.*PYTHONPATH",
        "broken_bot:reply": r"broken_bot fails when it is imported \(not today\)$",
        "poor_bot:reply": r"poor_bot fails when it is imported \(KeyError: 'HOME_OF_BOTS'\)$",
        "odd_bot:reply": r"odd_bot fails when it is imported \(module 'os' has no .*'nest'\)$",
        ".x:y": "'.x' cannot be the name of a module",
    }.items():
        with pytest.raises(ConfigError, match=wrong):
            load_model(f"function:{name}")


def test_every_scheme_has_its_maker() -> None:
    for scheme in model_schemes().values():
        assert scheme.summary
        assert hasattr(__import__(scheme.module, fromlist=["x"]), scheme.maker)


def test_the_public_list() -> None:
    assert models.__all__ == sorted(models.__all__)
    assert dir(models) == models.__all__
    for name in models.__all__:
        assert getattr(models, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = models.nothing
    assert "forethought.agent.models" in sys.modules
