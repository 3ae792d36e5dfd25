"""`PrefixBank`: named behaviours with the prefixes that bring them about, and its file.

A prefix is the first words of a reply. Which openings bring a behaviour about is found by
`agent.openings`; a bank keeps them, and gives them to planners.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType

from forethought.agent.errors import ConfigError, DataError, UnknownName
from forethought.agent.openings import Prefix, Shows, Told, best_openings

VERSION = 1


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
        if keep < 1:
            raise ConfigError(f"mining: keep must be 1 or more, not {keep}")
        found = best_openings(replies, behaviours, words=words, support=support)
        return cls({name: prefixes[:keep] for name, prefixes in found.items()})


def _read_prefix(row: Mapping[str, object]) -> Prefix:
    text, score, count = row["text"], row["score"], row["count"]
    if (
        not isinstance(text, str)
        or not isinstance(score, float | int)
        or not isinstance(count, int)
    ):
        raise TypeError("a prefix has a text, a score and a count")
    return Prefix(text, float(score), count)
