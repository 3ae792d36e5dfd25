import subprocess
import sys
from pathlib import Path

import pytest

from forethought.agent.errors import ConfigError, DataError, ModelUnavailable
from forethought.agent.models import FunctionModel, ScriptedModel, load_model
from forethought.agent.protocols import Model
from forethought.agent.types import Message, Reply, Request, Usage

ASK = Request((Message("system", "Be brief."), Message("user", "Which way, friend?")))


def asking(stage: str = "act", prefix: str = "") -> Request:
    return Request(ASK.messages, stage=stage, prefix=prefix)


async def test_replies_in_order_of_every_kind() -> None:
    ready = Reply("ready", Usage(dollars=2.0), finish="length")
    model = ScriptedModel(
        ["Go left.", ready, ModelUnavailable("gone"), lambda request: f"{len(request.messages)}"]
    )
    first = await model.complete(ASK)
    assert first == Reply("Go left.", Usage(1, 5, 2))
    assert await model.complete(ASK) is ready
    with pytest.raises(ModelUnavailable, match="gone"):
        await model.complete(ASK)
    assert (await model.complete(ASK)).text == "2"
    assert model.requests == [ASK] * 4
    model.check_done()
    assert isinstance(model, Model)


async def test_surprises_and_leftovers_are_complained_about() -> None:
    model = ScriptedModel(["one", "two"], by_stage={"goals": ["three"]}, name="double")
    with pytest.raises(ConfigError, match=r"'double' .*2 for stage any, 1 for stage goals"):
        model.check_done()
    await model.complete(asking("goals"))
    with pytest.raises(
        ConfigError, match=r"no scripted reply left for request 2 \(stage 'goals'\)"
    ):
        await model.complete(asking("goals"))
    await model.complete(ASK)
    await model.complete(ASK)
    model.check_done()
    with pytest.raises(ConfigError, match="request 5"):
        await model.complete(ASK)


async def test_one_text_is_not_a_script() -> None:
    with pytest.raises(ConfigError, match=r"write \[text\]"):
        ScriptedModel("oops")
    with pytest.raises(ConfigError, match=r"by_stage\['act'\]"):
        ScriptedModel(by_stage={"act": "oops"})


async def test_a_function_for_a_stage_and_cycling() -> None:
    model = ScriptedModel(["a", "b"], by_stage={"act": lambda r: r.stage.upper()}, cycle=True)
    texts = [(await model.complete(asking(stage))).text for stage in ("x", "act", "x", "x", "act")]
    assert texts == ["a", "ACT", "b", "a", "ACT"]
    model.check_done()


async def test_prefixes() -> None:
    native = ScriptedModel([" home", "Left. home"])
    for text in ("Left. home", "Left. home"):
        reply = await native.complete(asking(prefix="Left."))
        assert (reply.text, reply.prefix_mode) == (text, "native")
    emulated = ScriptedModel(["Left. home", "Right."], native_prefix=False)
    reply = await emulated.complete(asking(prefix="Left."))
    assert (reply.text, reply.prefix_mode) == ("Left. home", "emulated")
    reply = await emulated.complete(asking(prefix="Left."))
    assert (reply.text, reply.prefix_mode) == ("Right.", "none")


async def test_a_model_that_is_a_function() -> None:
    async def slow(request: Request) -> str:
        return request.stage

    assert (await FunctionModel(slow, name="slow").complete(ASK)).text == "act"
    reply = await FunctionModel(lambda request: "home").complete(asking(prefix="Left "))
    assert (reply.text, reply.prefix_mode) == ("Left home", "native")
    assert isinstance(FunctionModel(slow), Model)


async def test_a_script_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "replies.json"
    file.write_text('{"goals": ["g"], "act": ["a", "b"]}')
    model = load_model(f"scripted:{file}")
    stages = ["act", "goals", "act", "act", "goals"]
    assert [(await model.complete(asking(s))).text for s in stages] == ["a", "g", "b", "a", "g"]
    with pytest.raises(ConfigError, match="stage 'refine'"):
        await model.complete(asking("refine"))
    file.write_text('["x"]')
    assert (await load_model(f"scripted:{file}").complete(ASK)).text == "x"


@pytest.mark.parametrize("text", ["{", "3", "[]", "[1]", '{"act": "a"}', '{"act": []}'])
def test_a_script_that_is_none(text: str, tmp_path: Path) -> None:
    file = tmp_path / "replies.json"
    file.write_text(text)
    with pytest.raises(DataError, match=r"replies\.json"):
        load_model(f"scripted:{file}")


def test_a_script_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load_model(f"scripted:{tmp_path / 'none.json'}")


def test_the_doubles_need_the_standard_library_only() -> None:
    script = (
        "import sys; import forethought.agent.models.scripted, forethought.agent.models.names;"
        "heavy = ('pydantic', 'numpy', 'httpx', 'openai', 'rich', 'typer');"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=30
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
