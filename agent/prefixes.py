"""`PrefixBank`: named behaviours with prefixes that bring them about, mined from replies.

A prefix is the first words of a reply. Mining looks at the openings of replies that were written
anyway and keeps those after which a behaviour is likelier than it is overall. Nothing is written by
hand, and no model is asked. Deterministic; knows nothing of planners or models.

How an opening is judged:

1. Each question counts once, however many replies it got: its share of replies that show the
   behaviour. Replies to one question are no independent evidence.
2. Score = lower end of the Wilson interval of the mean share among questions with that opening,
   divided by the mean share to be expected of those questions without it. What is expected is the
   share of the question's group (`Told.group`), smoothed by one question that shows the behaviour
   and one that does not: a group in which everybody does it anyway earns an opening little. An
   opening whose mean share is not above what is expected is left out.
3. An opening that says a word of its question which few questions hold is content, not behaviour,
   as is one with support from fewer than `support` questions. Neither is counted.
4. Higher scores first; at equal scores fewer words, more support, then the alphabet. An opening
   that begins as a kept one does, and begins more than half of the same replies, says the same in
   more or fewer words and is left out.
"""

import json
import math
import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import NormalDist, fmean
from types import MappingProxyType

from forethought.agent.errors import ConfigError, DataError, UnknownName
from forethought.agent.types import Trace

VERSION = 1
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


class PrefixBank(Mapping[str, tuple[Prefix, ...]]):
    """Named behaviours and their prefixes, best first.

    A mapping: `bank["direct"]` holds prefixes, `list(bank)` names. It does not change.

    Args:
        behaviours: Prefixes by name; a plain text is a prefix written by hand.

    Raises:
        ConfigError: If a name or text is empty, a behaviour has no prefix, or has one twice.
    """

    def __init__(self, behaviours: Mapping[str, Iterable[Prefix | str]]) -> None:
        kept: dict[str, tuple[Prefix, ...]] = {}
        for name, given in behaviours.items():
            if isinstance(given, str):
                raise ConfigError(f"behaviour {name!r} is one text: write [{given!r}]")
            prefixes = tuple(Prefix(p) if isinstance(p, str) else p for p in given)
            texts = [prefix.text for prefix in prefixes]
            if not name.strip() or not texts or not all(text.strip() for text in texts):
                raise ConfigError(
                    f"behaviour {name!r} needs a name, and prefixes that are not empty"
                )
            if len(set(texts)) < len(texts):
                raise ConfigError(f"behaviour {name!r} has a prefix twice")
            kept[name] = prefixes
        self._kept = MappingProxyType(kept)

    def __getitem__(self, name: str) -> tuple[Prefix, ...]:
        if name not in self._kept:
            raise UnknownName("behaviour", name, self._kept)
        return self._kept[name]

    def __contains__(self, name: object) -> bool:
        return name in self._kept

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)

    def __repr__(self) -> str:
        counts = ", ".join(f"{name}: {len(prefixes)}" for name, prefixes in self.items())
        return f"PrefixBank({counts})"

    def prefixes(self, *names: str, each: int = 1) -> tuple[str, ...]:
        """Texts for a planner, as in `Rank(critic, prefixes=bank.prefixes())`.

        Args:
            names: Behaviours, in the order wanted; all when left out.
            each: Most prefixes of one behaviour.

        Raises:
            UnknownName: If there is no such behaviour.
            ConfigError: If `each` is below 1.
        """
        if each < 1:
            raise ConfigError(f"prefixes: each must be 1 or more, not {each}")
        texts = [prefix.text for name in names or self for prefix in self[name][:each]]
        return tuple(dict.fromkeys(texts))

    def behaviour_of(self, text: str) -> str | None:
        """The behaviour that a prefix stands for; `None` for a prefix of none."""
        for name, prefixes in self.items():
            if any(prefix.text == text for prefix in prefixes):
                return name
        return None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the bank as JSON; the folder is made.

        Raises:
            ConfigError: If the file cannot be written.
        """
        rows = {name: [asdict(prefix) for prefix in prefixes] for name, prefixes in self.items()}
        text = json.dumps({"version": VERSION, "behaviours": rows}, indent=2)
        file = Path(path)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"cannot write {file}: {error.strerror}") from error

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "PrefixBank":
        """Read a bank that `save` wrote.

        Raises:
            DataError: If the file cannot be read or is not a bank of prefixes.
        """
        file = Path(path)
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
            if found["version"] != VERSION:
                raise DataError(
                    f"{file} has prefix bank format {found['version']!r}; this version reads"
                    f" format {VERSION}"
                )
            rows = found["behaviours"].items()
            return cls({name: [_read_prefix(row) for row in given] for name, given in rows})
        except OSError as error:
            raise DataError(f"cannot read {file}: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, AttributeError, ConfigError) as error:
            raise DataError(f"{file} is not a prefix bank: {error}") from error

    @classmethod
    def mine(
        cls,
        replies: Iterable[Told],
        behaviours: Mapping[str, Shows],
        *,
        keep: int = 5,
        words: tuple[int, int] = (1, 8),
        support: int = 3,
    ) -> "PrefixBank":
        """Find the openings that bring behaviours about, in replies written without any.

        Args:
            replies: What to learn from; `told` takes them from traces.
            behaviours: For each name, whether a reply shows it; for mining by outcome
                `{"good": lambda told: bool(told.success)}`.
            keep: Most prefixes of one behaviour.
            words: Shortest and longest opening, words.
            support: Fewest questions that an opening must have been seen with.

        Raises:
            ConfigError: If there is no behaviour to find, or a number cannot work.
            DataError: If replies are too few, all alike, or no opening makes a behaviour likelier.
        """
        shortest, longest = words
        if not behaviours or keep < 1 or support < 2 or not 1 <= shortest <= longest:
            raise ConfigError(
                "mining needs a behaviour, keep of 1 or more, support of 2 or more, and words"
                f" (shortest, longest) from 1 up; not keep {keep}, support {support}, words {words}"
            )
        given = [each for each in replies if each.reply.strip()]
        asked = len({each.question for each in given})
        if asked < 2 * support:
            raise DataError(
                f"replies to {asked} questions are too few to mine; with support {support} at"
                f" least {2 * support} are needed"
            )
        openings = _openings(given, words, support)
        return cls(
            {name: _mine(name, given, shows, openings)[:keep] for name, shows in behaviours.items()}
        )


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


def _read_prefix(row: Mapping[str, object]) -> Prefix:
    text, score, count = row["text"], row["score"], row["count"]
    if (
        not isinstance(text, str)
        or not isinstance(score, float | int)
        or not isinstance(count, int)
    ):
        raise TypeError("a prefix has a text, a score and a count")
    return Prefix(text, float(score), count)


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
