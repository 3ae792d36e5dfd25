"""What a server answers, in words for a model. Pure; never raises.

Text is given as it is; images, sounds and files are told of and not shown. Structured content is
added where the text does not already say it.
"""

import json
from collections.abc import Sequence
from typing import Any

from forethought.agent.errors import needs

with needs("reading what an MCP server answers", "pip install 'forethought[mcp]'"):
    from mcp_types import (
        AudioContent,
        BlobResourceContents,
        CallToolResult,
        ContentBlock,
        EmbeddedResource,
        ImageContent,
        ResourceLink,
        TextContent,
        TextResourceContents,
    )


def as_text(result: "CallToolResult") -> str:
    """The whole result as text."""
    parts = [_block(each) for each in result.content]
    structured = result.structured_content
    if structured is not None and not _is_said(structured, result.content):
        parts.append(json.dumps(structured, ensure_ascii=False))
    return "\n".join(parts) or "(no content)"


def _block(block: "ContentBlock") -> str:
    if isinstance(block, TextContent):
        return block.text
    if isinstance(block, ImageContent):
        return f"[an image, {block.mime_type}, {_bytes(block.data)}: not shown]"
    if isinstance(block, AudioContent):
        return f"[a sound, {block.mime_type}, {_bytes(block.data)}: not played]"
    if isinstance(block, ResourceLink):
        about = f": {block.description}" if block.description else ""
        return f"[a link to {block.name}, {block.uri}{about}]"
    return _resource(block)


def _resource(block: "EmbeddedResource") -> str:
    held: TextResourceContents | BlobResourceContents = block.resource
    if isinstance(held, TextResourceContents):
        return f"[from {held.uri}]\n{held.text}"
    kind = held.mime_type or "of unknown kind"
    return f"[a file, {held.uri}, {kind}, {_bytes(held.blob)}: not shown]"


def _bytes(base64: str) -> str:
    """How much data there is, from the length of its base64 form."""
    return f"{len(base64.rstrip('=')) * 3 // 4:,} bytes"


def _is_said(structured: Any, content: Sequence["ContentBlock"]) -> bool:
    """Whether some text already is the structured content, or the one value wrapped in it."""
    texts = [each.text for each in content if isinstance(each, TextContent)]
    said = [*texts, *map(_parsed, texts)]
    if structured in said:
        return True
    if not (isinstance(structured, dict) and set(structured) == {"result"}):
        return False
    inside = structured["result"]  # some servers give a list as one text for each item
    return inside in said or inside in (texts, [_parsed(each) for each in texts])


def _parsed(text: str) -> Any:
    """The value a text is JSON of; the text itself where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
