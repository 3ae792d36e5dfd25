"""Which openings of replies bring a behaviour about.

Mining looks at the openings of replies that were written anyway and keeps those after which a
behaviour is likelier than it is overall. Nothing is written by hand, and no model is asked.
Deterministic; knows nothing of planners or models.

How an opening is judged:

1. Each question counts once, however many replies it got: its share of replies that show the
   behaviour. Replies to one question are no independent evidence.
2. Score = lower end of the Wilson interval of the mean share among questions with that opening,
   divided by what is usual in the groups of these questions (`Told.group`): the mean share of a
   group's questions, smoothed by one that shows the behaviour and one that does not. A group in
   which everybody does it anyway earns an opening little. An opening whose mean share is not above
   what is usual is left out.
3. An opening that says a word of its question which few questions hold is content, not behaviour,
   as is one with support from fewer than `support` questions. Neither is counted.
4. Higher scores first; at equal scores fewer words, more support, then the alphabet. An opening
   that begins as a kept one does, and begins more than half of the same replies, says the same in
   more or fewer words and is left out.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean

from forethought.agent.errors import ConfigError, DataError
from forethought.agent.types import Trace

_WORD = re.compile(r"\w+(?:['\u2019]\w+)*")
_PIECE = re.compile(r"\S+")
_Z = NormalDist().inv_cdf(0.975)
_COMMON = 0.25
"""Share of the questions that hold a word which is nobody's own."""


@dataclass(frozen=True, slots=True)
class Prefix:
    """First words of a reply that bring a behaviour about."""

    text: str
    score: float = 1.0
    """How many times likelier the behaviour is after it than usual, at the lower end of the
    interval: above 1 the replies leave little doubt. Prefixes written by hand have 1."""
    count: int = 0
    """Questions behind the score; 0 where it was written by hand."""


@dataclass(frozen=True, slots=True)
class Told:
    """One reply to learn from."""

    question: str
    """What was asked: replies to equal questions count as one."""
    reply: str
    success: bool | None = None
    """How it turned out, where somebody said."""
    group: str = ""
    """Kind of question: what is usual is measured within it."""


Shows = Callable[[Told], bool]
"""Whether a reply shows a behaviour."""


def told(traces: Iterable[Trace]) -> list[Told]:
    """The replies that models worded in finished episodes, with how the episodes ended.

    An action that came bound to its thought was not worded and is left out. The question is the
    state; the group is the world.
    """
    return [
        Told(
            step.state or step.observation,
            step.decision.action,
            trace.outcome.success,
            trace.episode.env,
        )
        for trace in traces
        if trace.outcome is not None and trace.outcome.finished
        for step in trace.steps
        if step.decision.candidate.action is None and not step.invalid
    ]


def best_openings(
    replies: Iterable[Told],
    behaviours: Mapping[str, Shows],
    *,
    words: tuple[int, int] = (1, 8),
    support: int = 3,
) -> dict[str, list[Prefix]]:
    """For each behaviour the openings that help, best first; see `PrefixBank.mine`.

    Args:
        replies: What to learn from.
        behaviours: For each name, whether a reply shows it.
        words: Shortest and longest opening, words.
        support: Fewest questions that an opening must have been seen with.

    Raises:
        ConfigError: If there is no behaviour to find, or a number cannot work.
        DataError: If replies are too few, all alike, or no opening makes a behaviour likelier.
    """
    shortest, longest = words
    if not behaviours or support < 2 or not 1 <= shortest <= longest:
        raise ConfigError(
            "mining needs a behaviour, support of 2 or more, and words (shortest, longest) from 1"
            f" up; not support {support}, words {words}"
        )
    given = [each for each in replies if each.reply.strip()]
    asked = len({each.question for each in given})
    if asked < 2 * support:
        raise DataError(
            f"replies to {asked} questions are too few to mine; with support {support} at least"
            f" {2 * support} are needed"
        )
    openings = _openings(given, words, support)
    return {name: _mine(name, given, shows, openings) for name, shows in behaviours.items()}


def _openings(
    replies: Sequence[Told], words: tuple[int, int], support: int
) -> dict[str, list[int]]:
    """Openings that say nothing of their questions, with the places of the replies they begin."""
    own = _own_words(replies)
    places: dict[tuple[str, ...], list[int]] = defaultdict(list)
    texts: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for place, each in enumerate(replies):
        for text in _beginnings(each.reply, words):
            said = tuple(_words_of(text))
            if not said:
                continue  # markup only
            if own[each.question].intersection(said):
                break  # what follows holds the same words and more
            places[said].append(place)
            texts[said][text] += 1
    found: dict[str, list[int]] = {}
    for said, begun in places.items():
        if len({replies[place].question for place in begun}) >= support:
            text = min(texts[said], key=lambda text: (-texts[said][text], len(text), text))
            found[text] = begun
    return found


def _beginnings(reply: str, words: tuple[int, int]) -> Iterator[str]:
    """The first words of a reply as it wrote them, shortest first; never all of it."""
    text = reply.strip()
    ends = [piece.end() for piece in _PIECE.finditer(text)][: words[1]]
    for end in ends[words[0] - 1 :]:
        if end < len(text):
            yield text[:end]


def _words_of(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _own_words(replies: Sequence[Told]) -> dict[str, frozenset[str]]:
    """For each question the words it holds that few others do."""
    held = {question: set(_words_of(question)) for question in {each.question for each in replies}}
    spread = Counter(word for words in held.values() for word in words)
    few = _COMMON * len(held)
    return {
        question: frozenset(word for word in words if spread[word] < few)
        for question, words in held.items()
    }


def _mine(
    name: str, replies: Sequence[Told], shows: Shows, openings: Mapping[str, Sequence[int]]
) -> list[Prefix]:
    """All prefixes of one behaviour that help, best first."""
    shown = [shows(each) for each in replies]
    if all(shown) or not any(shown):
        raise DataError(
            f"nothing to mine for {name!r}: {'all' if all(shown) else 'none'} of the {len(replies)}"
            " replies show it"
        )
    usual = _usual(replies, shown)
    scored = []
    for text, places in openings.items():
        shares = _shares(replies, shown, places)
        expected, share = fmean(usual[group] for group, _ in shares), fmean(shares.values())
        if share > expected:
            score = _lower_end(share, len(shares)) / expected
            scored.append(Prefix(text, round(score, 6), len(shares)))
    scored.sort(key=lambda p: (-p.score, len(p.text.split()), -p.count, p.text))
    kept: list[Prefix] = []
    for prefix in scored:
        if not any(_same(prefix.text, other.text, openings) for other in kept):
            kept.append(prefix)
    if not kept:
        raise DataError(
            f"no opening makes {name!r} likelier: give more replies, or a lower support"
        )
    return kept


def _same(one: str, other: str, openings: Mapping[str, Sequence[int]]) -> bool:
    """Whether two openings begin alike and mostly begin the same replies."""
    few, many = sorted((len(openings[one]), len(openings[other])))
    begun = zip(_words_of(one), _words_of(other), strict=False)
    return all(a == b for a, b in begun) and 2 * few > many


def _shares(
    replies: Sequence[Told], shown: Sequence[bool], places: Iterable[int]
) -> dict[tuple[str, str], float]:
    """For each group and question the share of these replies that show the behaviour."""
    seen: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for place in places:
        seen[replies[place].group, replies[place].question].append(shown[place])
    return {key: fmean(flags) for key, flags in seen.items()}


def _usual(replies: Sequence[Told], shown: Sequence[bool]) -> dict[str, float]:
    """Share of questions of each group that show the behaviour, smoothed by two questions."""
    shares: dict[str, list[float]] = defaultdict(list)
    for (group, _), share in _shares(replies, shown, range(len(replies))).items():
        shares[group].append(share)
    return {group: (sum(row) + 1) / (len(row) + 2) for group, row in shares.items()}


def _lower_end(share: float, n: int) -> float:
    """Lower end of the 95 % Wilson interval of a share among `n`."""
    spread = math.sqrt(share * (1 - share) / n + _Z * _Z / (4 * n * n))
    return max(0.0, (share + _Z * _Z / (2 * n) - _Z * spread) / (1 + _Z * _Z / n))
