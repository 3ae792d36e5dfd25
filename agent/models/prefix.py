"""Prefixes where no server continues them: instructing, checking, and putting the text right.

Pure functions of texts and messages. What a reply's text holds is honest: it begins with the prefix
only where the model wrote it there (`fit`) or where it continued the prefix (`join`); nothing is
put in front of a reply that was written without it.
"""

from forethought.agent.types import Message

INSTRUCTION = (
    "Begin your reply with exactly this text, without quotation marks, and go on from there:\n"
    "{prefix}"
)
CORRECTION = (
    "Your reply did not begin as it must. Write it again. Begin with exactly this text:\n{prefix}"
)
_MARKS = "*_`\"'\u201c\u201d\u2018\u2019#> "
"""Markup and quotation marks that models put around a text they were told to begin with."""


def append_instruction(messages: tuple[Message, ...], text: str) -> tuple[Message, ...]:
    """Add a paragraph to the last message where it is the user's, else a user message."""
    if messages and messages[-1].role == "user":
        last = Message("user", f"{messages[-1].content}\n\n{text}")
        return (*messages[:-1], last)
    return (*messages, Message("user", text))


def fit(prefix: str, text: str) -> str | None:
    """Make a reply that begins with the prefix begin with it to the letter.

    Case, whitespace, quotation marks and markup around the prefix do not count; the rest of the
    reply is kept as it is.

    Returns:
        The reply, beginning with `prefix`; `None` when it begins with something else.
    """
    if text.startswith(prefix):
        return text
    at = _end_of(prefix, text)
    if at is None:
        return None
    opened = _lead(text).removesuffix(_lead(prefix))
    return join(prefix, text[at:].removeprefix(_closing(opened)))


def join(prefix: str, rest: str) -> str:
    """Put a continuation behind its prefix, without doubling the whitespace between them."""
    return prefix + (rest.lstrip() if prefix[-1:].isspace() else rest)


def _lead(text: str) -> str:
    """The marks a text begins with, whitespace around them left out."""
    return text[: len(text) - len(text.lstrip(_MARKS + "\n\t"))].strip()


def _closing(opened: str) -> str:
    """The marks that close what these opened."""
    return opened[::-1].translate({ord("\u201c"): "\u201d", ord("\u2018"): "\u2019"})


def _end_of(prefix: str, text: str) -> int | None:
    """Where the prefix ends in `text`, passing over what does not count; `None` if it differs."""
    wanted = [char.casefold() for char in prefix if not _skipped(char)]
    if not wanted:
        return None
    found = 0
    for at, char in enumerate(text):
        if _skipped(char):
            continue
        if char.casefold() != wanted[found]:
            return None
        found += 1
        if found == len(wanted):
            return at + 1 + _trailing_marks(prefix, text[at + 1 :])
    return None


def _skipped(char: str) -> bool:
    return char.isspace() or char in _MARKS


def _trailing_marks(prefix: str, rest: str) -> int:
    """How much of `rest` repeats marks that end the prefix, as in a prefix `**Plan**`."""
    tail = prefix.rstrip()
    marks = tail[len(tail.rstrip(_MARKS)) :]
    return len(marks) if marks and rest.startswith(marks) else 0
