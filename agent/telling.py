"""What a listener is told, without secrets; a reply that is heard piece by piece too.

A piece is held back while its end may be the beginning of a secret: until a word ends, as a rule.
Nothing is held back for longer than the reply lasts. Knows nothing of who listens.
"""

import re
from collections.abc import Callable
from dataclasses import replace

from forethought.agent.redact import Redactor
from forethought.agent.types import Event

_LEAD = 48
"""Characters told before that say what follows, such as `Bearer`."""
_LONGEST = 16384
"""Most characters held back."""
_WORD = re.compile(r"[A-Za-z0-9_.+/=~%:@&?-]*\Z")
"""What a key or an address may consist of, up to the end of the text."""
_BEGIN = "-----BEGIN"
_END = re.compile(r"-----END [A-Z ]*-----")
"""The lines around a private key."""


class Telling:
    """Passes events on without secrets.

    Args:
        listen: Who is told.
        redactor: Takes the secrets out.
    """

    def __init__(self, listen: Callable[[Event], None], redactor: Redactor) -> None:
        self._listen = listen
        self._redactor = redactor
        self._held = ""
        self._lead = ""
        self._stage = ""

    def hear(self, event: Event) -> None:
        """Tell of one event; of a piece of a reply as soon as that is safe."""
        if event.kind != "text":
            self._flush(drop=event.kind == "restart")
            self._listen(self._clean(event))
            return
        if event.stage != self._stage:
            self._flush()
            self._stage = event.stage
        self._held += event.text
        self._tell(self._safe())

    def _safe(self) -> int:
        """How many characters cannot be part of a secret that is still being written."""
        held = self._held
        if len(held) > _LONGEST:
            return len(held)
        word = _WORD.search(held)
        cut = word.start() if word else len(held)
        begun = held.rfind(_BEGIN)
        if begun >= 0:
            end = _END.search(held, begun)
            cut = cut if end and end.end() <= cut else min(cut, begun)
        return self._redactor.safe(held, cut)

    def _flush(self, *, drop: bool = False) -> None:
        """Tell what was held back, as the reply has ended; nothing of one that is void."""
        if not drop:
            self._tell(len(self._held))
        self._held = self._lead = self._stage = ""

    def _tell(self, characters: int) -> None:
        if characters <= 0:
            return
        text = self._lead + self._held[:characters]
        clean = self._redactor.text(text)
        told = clean[len(self._lead) :] if clean.startswith(self._lead) else clean
        self._held = self._held[characters:]
        self._lead = (self._lead + told)[-_LEAD:]
        self._listen(Event("text", told, stage=self._stage))

    def _clean(self, event: Event) -> Event:
        text = self._redactor.text(event.text)
        goals = tuple(
            goal if goal.text == clean else replace(goal, text=clean)
            for goal in event.goals
            for clean in (self._redactor.text(goal.text),)
        )
        if text == event.text and goals == event.goals:
            return event
        return replace(event, text=text, goals=goals)
