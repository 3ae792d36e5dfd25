"""The text of a dialogue so far, within a limit of characters.

What does not fit is told by rule, not by a model, so that equal logs give equal states: the newest
turns whole, and before them the opening, or the heads of older turns, or nothing; then how many
turns were left out.
"""

from dataclasses import dataclass, field

from forethought.agent.importing.mapping import Older

NOTHING = "(nothing said yet)"
_HEAD = 80
"""Characters kept of an older turn."""
_NOTE = 40
"""Characters kept free for the note on what was left out."""


def clip(text: str, limit: int) -> str:
    """The text, its middle left out where it is longer than `limit` characters."""
    if len(text) <= limit:
        return text
    side = max((limit - 5) // 2, 1)
    return f"{text[:side]} ... {text[-side:]}"


@dataclass(slots=True)
class Dialogue:
    """What was said, oldest first."""

    limit: int
    """Longest text, characters."""
    older: Older
    lines: list[str] = field(default_factory=list)
    _length: int = 0

    def say(self, role: str, text: str) -> None:
        """Add a turn."""
        line = f"{role}: {text}"
        self.lines.append(line)
        self._length += len(line) + 1

    def text(self) -> str:
        """The dialogue so far, at most `limit` characters."""
        if not self.lines:
            return NOTHING
        if self._length - 1 <= self.limit:
            return "\n".join(self.lines)
        opening = [clip(self.lines[0], self.limit // 4)] if self.older == "opening" else []
        room = self.limit - _NOTE - sum(len(line) + 1 for line in opening)
        kept = self._newest(room, len(opening))
        left_out = len(self.lines) - len(kept) - len(opening)
        turns = f"turn{'s' * (left_out != 1)}"
        note = [f"[{left_out} {turns} left out]"] if left_out else []
        return "\n".join([*opening, *note, *kept])

    def _newest(self, room: int, first: int) -> list[str]:
        """The newest turns that fit, oldest first; none before turn `first`."""
        whole = room * 2 // 3 if self.older == "heads" else room
        kept: list[str] = []
        used = 0
        for place in range(len(self.lines) - 1, first - 1, -1):
            line = self.lines[place]
            newest = not kept
            piece = clip(line, room - 1) if newest else line
            if not newest and self.older == "heads" and used + len(line) >= whole:
                piece = clip(line, _HEAD)
            if used + len(piece) + 1 > room:
                break
            kept.append(piece)
            used += len(piece) + 1
        return kept[::-1]
