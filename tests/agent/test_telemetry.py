import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
from opentelemetry import trace as otel
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as names

from forethought.agent.agent import Agent
from forethought.agent.budget import Budget
from forethought.agent.critics import ScriptedCritic
from forethought.agent.errors import ConfigError, ModelRefused, ToolError
from forethought.agent.loop import run_episode
from forethought.agent.models.scripted import FunctionModel, ScriptedModel
from forethought.agent.planners.react import React
from forethought.agent.planners.refine import Refine
from forethought.agent.protocols import Hear, RunContext
from forethought.agent.semconv import model_attributes
from forethought.agent.task import ToolTask
from forethought.agent.telemetry import EVALUATION, Telemetry
from forethought.agent.types import Episode, Event, Reply, Request, ToolCall, Usage
from forethought.tools.function import tool

EPISODE = Episode("e1", "tool-task", seed=7, arm="react", model="scripted")
LOOK = json.dumps({"thought": "SECRET-thought", "action": 'look {"item": "SECRET-bike"}'})
DONE = json.dumps({"thought": "I know.", "action": "answer: SECRET-7"})


@tool
def look(item: str) -> str:
    """Looks an item up.

    Args:
        item: Its name.
    """
    if item == "nothing":
        raise ToolError("there is no SECRET-nothing")
    return f"SECRET-result of {item}"


class Spans:
    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    @property
    def all(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()

    def of(self, operation: str) -> list[ReadableSpan]:
        return [s for s in self.all if attributes(s)["gen_ai.operation.name"] == operation]

    def parent(self, span: ReadableSpan) -> ReadableSpan | None:
        if span.parent is None:
            return None
        wanted = span.parent.span_id
        return next(s for s in self.all if s.context is not None and s.context.span_id == wanted)


def attributes(span: ReadableSpan) -> Mapping[str, Any]:
    return span.attributes or {}


@pytest.fixture
def spans() -> Spans:
    return Spans()


async def ask(
    telemetry: Telemetry, model: Any, episode: Episode = EPISODE, **how: Any
) -> list[Event]:
    heard: list[Event] = []
    with telemetry.episode(episode, model=model, listen=heard.append) as watched:
        await run_episode(
            ToolTask("How many SECRET-bikes?", [telemetry.tool(look)]),
            how.pop("planner", React()),
            episode=episode,
            model=watched.model,
            listen=watched.listen,
            **how,
        )
    return heard


async def test_an_episode_is_a_tree_of_spans(spans: Spans) -> None:
    heard = await ask(Telemetry(spans.provider), ScriptedModel([LOOK, DONE]))
    assert heard[-1].kind == "end"
    (agent,) = spans.of("invoke_agent")
    plans, chats, tools = spans.of("plan"), spans.of("chat"), spans.of("execute_tool")
    assert [s.name for s in (agent, *plans, *chats, *tools)] == [
        *("invoke_agent react", "plan react", "plan react"),
        *("chat scripted", "chat scripted", "execute_tool look"),
    ]
    assert agent.parent is None
    assert [spans.parent(chat) for chat in chats] == plans
    assert [spans.parent(each) for each in (*plans, *tools)] == [agent] * 3
    assert len({s.context.trace_id for s in spans.all if s.context}) == 1
    assert not otel.get_current_span().get_span_context().is_valid


async def test_attributes_are_those_of_the_conventions(spans: Spans) -> None:
    await ask(Telemetry(spans.provider), ScriptedModel([LOOK, DONE]))
    (agent,) = spans.of("invoke_agent")
    chat, (call,) = spans.of("chat")[0], spans.of("execute_tool")
    said = attributes(agent)
    assert said[names.GEN_AI_AGENT_NAME] == "react"
    assert said[names.GEN_AI_CONVERSATION_ID] == "e1"
    assert said[names.GEN_AI_PROVIDER_NAME] == said[names.GEN_AI_REQUEST_MODEL] == "scripted"
    assert said["forethought.outcome"] == "terminated"
    spent = [attributes(s)[names.GEN_AI_USAGE_INPUT_TOKENS] for s in spans.of("chat")]
    assert said[names.GEN_AI_USAGE_INPUT_TOKENS] == sum(spent) > 0
    said = attributes(chat)
    assert said[names.GEN_AI_OPERATION_NAME] == "chat"
    assert said[names.GEN_AI_RESPONSE_FINISH_REASONS] == ("stop",)
    assert said[names.GEN_AI_USAGE_OUTPUT_TOKENS] == len(LOOK.split())
    assert said[names.GEN_AI_REQUEST_MAX_TOKENS] == 1024
    assert said[names.GEN_AI_OUTPUT_TYPE] == "json"
    assert said["forethought.stage"] == "act"
    assert isinstance(said[names.GEN_AI_REQUEST_SEED], int)
    assert attributes(call)[names.GEN_AI_TOOL_NAME] == "look"
    known = {value for name, value in vars(names).items() if name.startswith("GEN_AI_")}
    used = {key for span in spans.all for key in attributes(span)}
    assert {key for key in used if key.startswith("gen_ai.")} <= known
    assert all(span.status.status_code is otel.StatusCode.UNSET for span in spans.all)


async def test_every_estimate_is_an_evaluation_event(spans: Spans) -> None:
    model = ScriptedModel(
        by_stage={
            "propose": ['{"thought": "I guess."}'],
            "goals": ['{"hoped": ["SECRET-a", "b"], "feared": ["c", "d"]}'],
            "refine": ['{"verdict": "refine", "thought": "I look."}'],
            "act": ["answer: 7"],
        }
    )
    critic = ScriptedCritic(lambda s, c, g: 0.6 if "look" in c.thought else 0.3)
    heard = await ask(Telemetry(spans.provider), model, planner=Refine(critic))
    (plan,) = spans.of("plan")
    assert sum(len(event.estimates) for event in heard) == 8 == len(plan.events)
    assert {event.name for event in plan.events} == {EVALUATION} == {"gen_ai.evaluation.result"}
    first, last = (dict(plan.events[place].attributes or {}) for place in (0, -1))
    assert first == {
        names.GEN_AI_EVALUATION_NAME: "forethought.hoped",
        names.GEN_AI_EVALUATION_SCORE_VALUE: 0.3,
        names.GEN_AI_EVALUATION_SCORE_LABEL: "supported",
        names.GEN_AI_EVALUATION_EXPLANATION: "90 % interval 0.20 to 0.40",
        "forethought.goal.index": 0,
        "forethought.event": "critique",
    }
    assert last[names.GEN_AI_EVALUATION_NAME] == "forethought.feared"
    assert last["forethought.goal.index"] == 3
    assert [attributes(s)["forethought.stage"] for s in spans.of("chat")] == [
        *("propose", "goals", "refine", "act")
    ]


async def test_texts_are_left_out_unless_asked_for(spans: Spans) -> None:
    def dump() -> str:
        return "\n".join(span.to_json() for span in spans.all)

    model = ScriptedModel([LOOK, DONE, ModelRefused("SECRET-refusal")])
    await ask(Telemetry(spans.provider), model)
    await ask(Telemetry(spans.provider), model)
    assert "SECRET" not in dump()
    spans.exporter.clear()
    telemetry = Telemetry(spans.provider, capture_content=True)
    await ask(telemetry, ScriptedModel([LOOK, ModelRefused("SECRET-refusal")]))
    text = dump()
    for secret in ("thought", "bike", "result", "refusal"):
        assert f"SECRET-{secret}" in text
    chat = attributes(spans.of("chat")[0])
    (asked, *_) = reversed(json.loads(chat[names.GEN_AI_INPUT_MESSAGES]))
    assert asked["role"] == "user"
    assert "How many SECRET-bikes?" in asked["parts"][0]["content"]
    (answered,) = json.loads(chat[names.GEN_AI_OUTPUT_MESSAGES])
    assert answered["parts"] == [{"type": "text", "content": LOOK}]
    (call,) = spans.of("execute_tool")
    assert json.loads(attributes(call)[names.GEN_AI_TOOL_CALL_ARGUMENTS]) == {"item": "SECRET-bike"}
    assert attributes(call)[names.GEN_AI_TOOL_CALL_RESULT] == "SECRET-result of SECRET-bike"


async def test_errors_have_their_class(spans: Spans) -> None:
    bad = json.dumps({"thought": "t", "action": 'look {"item": "nothing"}'})
    await ask(Telemetry(spans.provider), ScriptedModel([bad, ModelRefused("no")]))
    (agent,) = spans.of("invoke_agent")
    fine, chat = spans.of("chat")
    (call,) = spans.of("execute_tool")
    for span, kind in ((agent, "ModelRefused"), (chat, "ModelRefused"), (call, "ToolError")):
        assert attributes(span)["error.type"] == kind
        assert span.status.status_code is otel.StatusCode.ERROR
        assert span.status.description is None
    assert "error.type" not in attributes(fine)
    assert attributes(agent)["forethought.outcome"] == "error"


async def test_a_limit_is_no_error_and_a_users_mistake_is(spans: Spans) -> None:
    await ask(Telemetry(spans.provider), ScriptedModel([LOOK, DONE]), budget=Budget(calls=1))
    (agent,) = spans.of("invoke_agent")
    assert attributes(agent)["forethought.outcome"] == "budget"
    assert "error.type" not in attributes(agent)
    spans.exporter.clear()
    with pytest.raises(ConfigError):
        await ask(Telemetry(spans.provider), ScriptedModel([]))
    assert {attributes(s).get("error.type") for s in spans.of("invoke_agent")} == {"ConfigError"}
    assert len(spans.of("plan")) == 1


async def test_a_cancelled_episode_ends_its_spans(spans: Spans) -> None:
    async def never(request: Request) -> str:
        await asyncio.sleep(30)
        raise AssertionError

    run = asyncio.create_task(ask(Telemetry(spans.provider), FunctionModel(never)))
    await asyncio.sleep(0.02)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    kinds = {s.name.partition(" ")[0]: attributes(s).get("error.type") for s in spans.all}
    assert kinds == {"chat": "CancelledError", "plan": None, "invoke_agent": "CancelledError"}


async def test_episodes_at_once_keep_apart(spans: Spans) -> None:
    telemetry = Telemetry(spans.provider)

    class Slow:
        def __init__(self, name: str) -> None:
            self.name = name
            self.script = ScriptedModel([LOOK, LOOK, DONE])

        async def complete(self, request: Request) -> Reply:
            await asyncio.sleep(0.001)
            return await self.script.complete(request)

    tracer = spans.provider.get_tracer("app")
    with tracer.start_as_current_span("app", attributes={"gen_ai.operation.name": "app"}) as outer:
        await asyncio.gather(
            *(ask(telemetry, Slow(f"m{n}"), Episode(f"e{n}", "tool-task")) for n in range(20))
        )
    agents = {attributes(s)["gen_ai.conversation.id"]: s for s in spans.of("invoke_agent")}
    assert len(agents) == 20
    assert all(s.parent and s.parent.span_id == outer.get_span_context().span_id
               for s in agents.values())  # fmt: skip
    for chat in spans.of("chat"):
        plan = spans.parent(chat)
        assert plan is not None
        agent = spans.parent(plan)
        assert agent is agents[attributes(chat)["gen_ai.conversation.id"]]
        assert attributes(agent)["gen_ai.request.model"] == attributes(chat)["gen_ai.request.model"]
    assert len(spans.of("chat")) == len(spans.of("plan")) == 60


async def test_what_the_model_and_the_tool_can_do_is_kept(spans: Spans) -> None:
    class Talks(ScriptedModel):
        calls_tools = True

        async def stream(self, request: Request, hear: Hear) -> Reply:
            hear("an")
            return Reply("answer", Usage(1, 2, 3), calls=(ToolCall("look", {"item": "x"}),))

    class Knows:
        name = "knows"
        description = "d"
        schema: Mapping[str, Any] = {}

        def call(self, arguments: Mapping[str, Any]) -> str:
            return "plain"

        async def call_in(self, run: RunContext[Any], arguments: Mapping[str, Any]) -> str:
            return f"told by {run.episode}"

    telemetry = Telemetry(spans.provider, capture_content=True)
    heard: list[str | None] = []
    with telemetry.episode(EPISODE, model=Talks()) as watched:
        model: Any = watched.model
        assert model.calls_tools
        reply = await model.stream(Request(()), heard.append)
    assert (reply.text, heard) == ("answer", ["an"])
    with telemetry.episode(EPISODE, model=ScriptedModel(["plain"])) as watched:
        model = watched.model
        assert not model.calls_tools
        assert (await model.stream(Request(()), heard.append)).text == "plain"
    streamed, plain = spans.of("chat")
    assert attributes(streamed)["gen_ai.request.stream"] is True
    assert "gen_ai.request.stream" not in attributes(plain)
    (answered,) = json.loads(attributes(streamed)[names.GEN_AI_OUTPUT_MESSAGES])
    assert answered["parts"][1] == {
        "type": "tool_call",
        "name": "look",
        "arguments": {"item": "x"},
    }
    assert hasattr(telemetry.tool(look), "call_in") == hasattr(look, "call_in")
    knows: Any = telemetry.tool(Knows())
    assert await knows.call_in(RunContext(None, "e9"), {}) == "told by e9"
    assert await knows.call({}) == "plain"
    assert [s.name for s in spans.of("execute_tool")] == ["execute_tool knows"] * 2


@pytest.mark.parametrize(
    ("name", "provider", "model", "server"),
    [
        ("openai:gpt-5", "openai", "gpt-5", None),
        ("openai:m@http://127.0.0.1:8080/v1", "openai", "m", ("127.0.0.1", 8080)),
        ("openai:m@https://host/v1", "openai", "m", ("host", 443)),
        ("anthropic:claude", "anthropic", "claude", None),
        ("gguf:/a@b/model.gguf", "llama.cpp", "model.gguf", None),
        ("builtin", "llama.cpp", "builtin", None),
        ("local:org/name", "transformers", "org/name", None),
        ("mine", "mine", "mine", None),
    ],
)
def test_a_models_name_tells_provider_and_server(
    name: str, provider: str, model: str, server: tuple[str, int] | None
) -> None:
    said = model_attributes(name)
    assert said["gen_ai.provider.name"] == provider
    assert said["gen_ai.request.model"] == model
    found = (said["server.address"], said["server.port"]) if "server.address" in said else None
    assert found == server


async def test_captured_content_has_no_secrets() -> None:
    spans, key = Spans(), "sk-" + "ant-api03-" + "0aB1cD2eF3gH4iJ5kL6m"
    telemetry = Telemetry(spans.provider, capture_content=True, secrets=["swordfish"])
    replies = [
        json.dumps({"thought": f"swordfish {key}", "action": f'look {{"item": "{key}"}}'}),
        json.dumps({"thought": "t", "action": 'look {"item": "nothing"}'}),
        json.dumps({"thought": "t", "action": f"answer: {key}"}),
    ]

    @tool(outside=True)
    def look(item: str) -> str:
        """Looks an item up.

        Args:
            item: Its name.
        """
        if item == "nothing":
            raise ToolError(f"no {key}")
        return f"swordfish\n{key}"

    agent = Agent(ScriptedModel(replies), tools=[look], telemetry=telemetry, secrets=["marlin"])
    await agent.run(f"marlin, swordfish, {key}?")
    told = json.dumps([[attributes(s), s.status.description] for s in spans.all], default=str)
    assert "[redacted]" in told
    for secret in ("marlin", "swordfish", "ant-api03"):
        assert secret not in told
    assert all(attributes(s)["forethought.outside"] for s in spans.of("execute_tool"))
