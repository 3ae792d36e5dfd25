import base64
from typing import Any

import pytest
from mcp_types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    TextContent,
)

from forethought.tools.mcp.wording import as_text


def data(size: int) -> str:
    return base64.b64encode(bytes(size)).decode()


@pytest.mark.parametrize("size", [0, 1, 2, 3, 1000, 65537])
def test_sizes_are_those_of_the_data(size: int) -> None:
    image = ImageContent(data=data(size), mime_type="image/gif")
    assert as_text(CallToolResult(content=[image])) == (
        f"[an image, image/gif, {size:,} bytes: not shown]"
    )


def test_sounds_and_files_are_told_of() -> None:
    file = BlobResourceContents(uri="memo://x", blob=data(5), mime_type=None)
    content: list[ContentBlock] = [
        AudioContent(data=data(4), mime_type="audio/wav"),
        EmbeddedResource(resource=file),
    ]
    assert as_text(CallToolResult(content=content)) == (
        "[a sound, audio/wav, 4 bytes: not played]\n"
        "[a file, memo://x, of unknown kind, 5 bytes: not shown]"
    )


@pytest.mark.parametrize(
    ("texts", "structured", "said"),
    [
        ([], None, "(no content)"),
        ([], {"a": "é"}, '{"a": "é"}'),
        (["5"], {"result": 5}, "5"),
        (["five"], {"result": "five"}, "five"),
        (["a", "b"], {"result": ["a", "b"]}, "a\nb"),
        (["1", "2"], {"result": [1, 2]}, "1\n2"),
        (['{"b": 2, "a": 1}'], {"a": 1, "b": 2}, '{"b": 2, "a": 1}'),
        (["Found it."], {"a": 1}, 'Found it.\n{"a": 1}'),
        (["a"], {"result": ["a", "b"]}, 'a\n{"result": ["a", "b"]}'),
        (["[" * 100_000], {"a": 1}, "[" * 100_000 + '\n{"a": 1}'),
    ],
)
def test_structured_content_is_said_once(texts: list[str], structured: Any, said: str) -> None:
    content: list[ContentBlock] = [TextContent(text=each) for each in texts]
    assert as_text(CallToolResult(content=content, structured_content=structured)) == said
