"""Finding the one action that a text names among those that are legal.

Pure functions that never raise. A text that names two is no answer. Knows nothing of prompts,
models or environments.
"""

import re
from collections.abc import Sequence


def _mentions(text: str, action: str) -> list[tuple[int, int]]:
    pattern = rf"(?<!\w){re.escape(action)}(?!\w)"
    return [match.span() for match in re.finditer(pattern, text)]


def match_action(text: str, legal: Sequence[str]) -> str | None:
    """The one legal action that a text names, or `None`.

    The same text wins, then the same text but for case and outer blanks or full stop, then the only
    one mentioned as whole words; a mention inside a longer one does not count.
    """
    if text in legal:
        return text
    plain = text.strip(" \t\n\r.\"'`").casefold()
    folded: dict[str, list[str]] = {}
    for action in legal:
        folded.setdefault(action.strip(" \t\n\r.\"'`").casefold(), []).append(action)
    same = folded.get(plain, [])
    if len(set(same)) == 1:
        return same[0]
    low = text.casefold()
    spans = {
        action: _mentions(low, key)
        for key, actions in folded.items()
        if key and key in low
        for action in actions
    }
    every = [span for found in spans.values() for span in found]
    named = [
        action
        for action, found in spans.items()
        if any(not any(_inside(span, other) for other in every) for span in found)
    ]
    return named[0] if len(named) == 1 else None


def _inside(span: tuple[int, int], other: tuple[int, int]) -> bool:
    return other[0] <= span[0] and span[1] <= other[1] and span != other
