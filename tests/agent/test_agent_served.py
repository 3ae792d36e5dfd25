import json

import pytest
from fault_server import (
    OPENAI,
    PROTOCOLS,
    Answer,
    Body,
    Protocol,
    chat,
    chat_stream,
    message,
    message_stream,
    refusal,
    serve,
)
from pydantic import BaseModel

from forethought.agent.agent import Agent
from forethought.agent.models import load_model
from forethought.tools.function import tool


class Order(BaseModel):
    item: str
    count: int


@tool(inline=True)
def stock(item: str) -> int:
    """Units left.

    Args:
        item: Which.
    """
    return {"bike": 3, "helmet": 40}[item]


def calls(protocol: Protocol, *made: tuple[str, Body]) -> Answer:
    if protocol is OPENAI:
        return chat(
            None,
            finish="tool_calls",
            tool_calls=[
                {
                    "id": f"c{n}",
                    "type": "function",
                    "function": {"name": name, "arguments": json.dumps(arguments)},
                }
                for n, (name, arguments) in enumerate(made)
            ],
        )
    blocks = tuple(
        {"type": "tool_use", "id": f"t{n}", "name": name, "input": arguments}
        for n, (name, arguments) in enumerate(made)
    )
    return message(None, finish="tool_use", blocks=blocks)


def says(protocol: Protocol, text: str) -> Answer:
    return chat(text) if protocol is OPENAI else message(text)


@pytest.fixture(params=PROTOCOLS, ids=lambda protocol: protocol.scheme)
def protocol(request: pytest.FixtureRequest) -> Protocol:
    spoken: Protocol = request.param
    return spoken


async def test_calls_go_and_come_in_the_servers_own_way(protocol: Protocol) -> None:
    both = calls(protocol, ("stock", {"item": "bike"}), ("stock", {"item": "helmet"}))
    async with serve(both, says(protocol, "Reorder the bike.")) as server:
        model = load_model(f"{protocol.scheme}:m@{server.url}", api_key="k")
        result = await Agent(model, tools=[stock]).run("Which?")
    assert result.output == "Reorder the bike."
    assert result.complete
    assert len(result.trace.steps) == 2
    assert "3" in result.trace.steps[1].observation
    assert "40" in result.trace.steps[1].observation
    first, second = server.bodies
    assert "answer:" not in json.dumps(first["messages"])  # no form of words is taught
    assert "40" in json.dumps(second["messages"])


async def test_a_typed_answer_is_a_call_of_its_own(protocol: Protocol) -> None:
    wrong = calls(protocol, ("answer", {"item": "bike"}))
    right = calls(protocol, ("answer", {"item": "bike", "count": 5}))
    async with serve(wrong, right) as server:
        model = load_model(f"{protocol.scheme}:m@{server.url}", api_key="k")
        result = await Agent(model, output_type=Order, tools=[stock]).run("What?")
    assert result.output == Order(item="bike", count=5)
    assert "count" in json.dumps(server.bodies[1]["messages"])


async def test_the_answer_is_heard_while_it_is_written(protocol: Protocol) -> None:
    if protocol is OPENAI:
        whole = chat_stream("Reorder ", "the ", "bike.")
    else:
        whole = message_stream("Reorder ", "the ", "bike.")
    async with serve(whole) as server:
        model = load_model(f"{protocol.scheme}:m@{server.url}", api_key="k")
        async with Agent(model, tools=[stock]).stream("Which?") as stream:
            heard = [text async for text in stream.text()]
    assert heard[-1] == "Reorder the bike."
    assert len(heard) > 1
    assert stream.result is not None
    assert stream.result.output == "Reorder the bike."


async def test_a_server_that_refuses_tools_is_taught_the_words(protocol: Protocol) -> None:
    refused = refusal(400, "tools are not supported")
    taught = 'stock {"item": "bike"}'
    done = json.dumps({"thought": "I know.", "action": "answer: 3"})
    async with serve(refused, says(protocol, taught), says(protocol, done)) as server:
        model = load_model(f"{protocol.scheme}:m@{server.url}", api_key="k")
        result = await Agent(model, tools=[stock]).run("How many bikes?")
    assert result.output == "3"
    assert result.trace.steps[1].observation == "3"
    assert "tools" in server.bodies[0]
    assert "tools" not in server.bodies[1]
