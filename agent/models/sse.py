"""Server-sent events, read from bytes: the one form in which both protocols stream.

Yields what each event carries and passes over names, comments and whatever else a stream may hold.
Knows neither protocol. A stream that ends within an event loses that event.
"""

from collections.abc import AsyncGenerator, AsyncIterator


async def events(chunks: AsyncIterator[bytes]) -> AsyncGenerator[str, None]:
    """The data of each event, in order; lines end in a line feed, with or without a return.

    Args:
        chunks: The body as it arrives, cut anywhere.
    """
    data: list[bytes] = []
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            bare = line.removesuffix(b"\r")
            if bare.startswith(b"data:"):
                data.append(bare[5:].removeprefix(b" "))
            elif not bare and data:
                yield b"\n".join(data).decode("utf-8", "replace")
                data.clear()
