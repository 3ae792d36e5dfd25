from typing import Any

import pytest
from fault_server import Answer, chat, refusal, serve

from forethought.agent.errors import ModelRefused
from forethought.agent.models.openai import OpenAIModel
from forethought.agent.types import Message, Request

ASK = Request((Message("user", "Which way?"),), prefix="Left.")


def final(body: dict[str, Any]) -> str:
    role: str = body["messages"][-1]["role"]
    return role


def echoing(body: dict[str, Any]) -> Answer:
    return chat(body["messages"][-1]["content"] + " Then home.")


def continuing(body: dict[str, Any]) -> Answer:
    # a header of three tokens before each turn, two marks after each but the continued one
    turns = body["messages"]
    size = sum(5 + len(m["content"].split()) for m in turns)
    size += -2 if final(body) == "assistant" else 3
    return chat(" Then home.", prompt=size)


def answering_afresh(body: dict[str, Any]) -> Answer:
    turns = body["messages"]
    size = sum(5 + len(m["content"].split()) for m in turns) + 3
    if "Begin your reply with exactly" in turns[-1]["content"]:
        return chat("left. Then home.", prompt=size)
    return chat("Right!", prompt=size)


def without_counts(body: dict[str, Any]) -> Answer:
    if "Begin your reply with exactly" in body["messages"][-1]["content"]:
        return chat("Left. Then home.")
    return Answer(b'{"choices": [{"message": {"content": "Right!"}, "finish_reason": "stop"}]}')


async def test_a_server_that_returns_the_whole_message() -> None:
    async with serve(echoing, echoing) as server:
        asked = OpenAIModel("m", base_url=server.url)
        for _ in range(2):
            reply = await asked.complete(ASK)
            assert (reply.text, reply.prefix_mode) == ("Left. Then home.", "native")
            assert reply.usage.calls == 1
    assert server.bodies[0]["messages"][-1] == {"role": "assistant", "content": "Left."}


async def test_a_server_that_returns_only_what_it_added_is_verified_once() -> None:
    async with serve(*[continuing] * 4) as server:
        asked = OpenAIModel("m", base_url=server.url)
        first = await asked.complete(ASK)
        second = await asked.complete(ASK)
    for reply, calls in ((first, 3), (second, 1)):
        assert (reply.text, reply.prefix_mode) == ("Left. Then home.", "native")
        assert reply.usage.calls == calls


@pytest.mark.parametrize("server_of", [answering_afresh, without_counts])
async def test_a_server_that_answers_afresh_is_found_out_and_emulated(server_of: Any) -> None:
    async with serve(*[server_of] * 5) as server:
        asked = OpenAIModel("m", base_url=server.url)
        for _ in range(2):
            reply = await asked.complete(ASK)
            assert (reply.text, reply.prefix_mode) == ("Left. Then home.", "emulated")
    assert [final(body) for body in server.bodies] == [
        "assistant", "user", "assistant", "user", "user"
    ]  # fmt: skip


async def test_a_server_that_refuses_is_remembered() -> None:
    def refusing(body: dict[str, Any]) -> Answer:
        if final(body) == "assistant":
            return refusal(400, "the last message must be the user's")
        return chat("**Left.** Then home.")

    async with serve(*[refusing] * 3) as server:
        asked = OpenAIModel("m", base_url=server.url)
        for _ in range(2):
            reply = await asked.complete(ASK)
            assert (reply.text, reply.prefix_mode) == ("Left. Then home.", "emulated")
    assert [final(body) for body in server.bodies] == ["assistant", "user", "user"]


async def test_a_refusal_that_is_not_about_the_prefix_is_not_remembered() -> None:
    too_long = refusal(400, "too long")
    async with serve(too_long, too_long, echoing) as server:
        asked = OpenAIModel("m", base_url=server.url)
        with pytest.raises(ModelRefused, match="too long"):
            await asked.complete(ASK)
        assert (await asked.complete(ASK)).prefix_mode == "native"


async def test_emulation_asks_once_more_and_then_says_that_it_failed() -> None:
    async with serve(chat("Right."), chat("Left. Then home.")) as server:
        asked = OpenAIModel("m", base_url=server.url, prefix="emulated")
        reply = await asked.complete(ASK)
    assert (reply.text, reply.prefix_mode) == ("Left. Then home.", "emulated")
    assert reply.usage.calls == 2
    assert [m["role"] for m in server.bodies[1]["messages"]] == ["user", "assistant", "user"]
    async with serve(chat("Right."), chat("Never.")) as server:
        asked = OpenAIModel("m", base_url=server.url, prefix="emulated")
        reply = await asked.complete(ASK)
    assert (reply.text, reply.prefix_mode) == ("Right.", "none")


async def test_extra_body_for_continued_prefixes_only() -> None:
    extra = {"continue_final_message": True, "add_generation_prompt": False}
    async with serve(chat(" Then home."), chat("Hi.")) as server:
        asked = OpenAIModel("m", base_url=server.url, prefix="native", native_body=extra)
        reply = await asked.complete(ASK)
        await asked.complete(Request(ASK.messages))
    assert (reply.text, reply.prefix_mode, reply.usage.calls) == ("Left. Then home.", "native", 1)
    assert server.bodies[0]["continue_final_message"] is True
    assert "continue_final_message" not in server.bodies[1]


async def test_a_schema_that_clashes_with_a_prefix_is_not_held_against_the_schema() -> None:
    def clashing(body: dict[str, Any]) -> Answer:
        if "response_format" in body and final(body) == "assistant":
            return refusal(400, "Failed to initialize samplers")
        return echoing(body) if final(body) == "assistant" else chat("{}")

    schema = {"type": "object"}
    async with serve(*[clashing] * 3) as server:
        asked = OpenAIModel("m", base_url=server.url)
        reply = await asked.complete(Request(ASK.messages, prefix="So: ", schema=schema))
        await asked.complete(Request(ASK.messages, schema=schema))
    assert (reply.text, reply.prefix_mode) == ("So:  Then home.", "native")
    assert [m["role"] for m in server.bodies[1]["messages"]] == ["user", "assistant"]
    assert '{"type": "object"}' in server.bodies[1]["messages"][0]["content"]
    assert "response_format" in server.bodies[2]


def test_the_public_service_is_emulated_from_the_start() -> None:
    assert OpenAIModel("gpt-5", api_key="k")._native is False
    assert OpenAIModel("gpt-5", api_key="k", base_url="https://example.com/v1")._native is None
