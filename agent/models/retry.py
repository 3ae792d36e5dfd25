"""How long to wait before asking again, and how much time is left. No network, no model."""

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime

_FIRST = 0.5  # seconds before the second try
_LONGEST = 8.0  # seconds between tries, unless the server asks for more


@dataclass(slots=True)
class Clock:
    """A total deadline that everything done for one request shares."""

    limit: float
    """Seconds in all."""
    started: float = field(default_factory=time.perf_counter)

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self.started

    @property
    def left(self) -> float:
        """Seconds until the deadline, 0 or more."""
        return max(0.0, self.limit - self.spent)


def backoff(attempt: int, retry_after: float | None, rng: random.Random) -> float:
    """Seconds to wait after a failed try: doubling, jittered, never sooner than the server asked.

    Args:
        attempt: Tries made before the failed one, 0 or more.
        retry_after: Seconds the server asked to wait; `None` when it did not say.
        rng: Where the jitter comes from.
    """
    wait = min(_LONGEST, _FIRST * 2.0**attempt) * rng.uniform(0.5, 1.0)
    return wait if retry_after is None else retry_after + 0.1 * wait


def parse_retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Read `Retry-After` (seconds or an HTTP date) or `retry-after-ms`.

    Args:
        headers: The answer's headers, names in lower case or a case-blind mapping.
        now: The time, seconds since the epoch; by default the clock's.

    Returns:
        Seconds, 0 or more; `None` where there is no such header or it cannot be read.
    """
    try:
        milliseconds = float(headers["retry-after-ms"])
    except (KeyError, ValueError):
        pass
    else:
        return _sane(milliseconds / 1000)
    value = headers.get("retry-after", "").strip()
    try:
        return _sane(float(value))
    except ValueError:
        pass
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return _sane(date.timestamp() - (time.time() if now is None else now))


def _sane(seconds: float) -> float | None:
    """Refuse what is not a number or not finite; a time in the past is 0."""
    return max(0.0, seconds) if abs(seconds) < float("inf") else None
