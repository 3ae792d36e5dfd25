"""CaSiNo as shipped: 1,030 negotiations between people over camping supplies, packed in one file.

Two neighbours at a camp site divide three packages each of food, water and firewood, which they
value differently, by talking; then one of them submits the deal. This module reads the packed file
and rebuilds it from the original JSON files. It knows nothing of traces, states or goals.

The packed file is rebuilt with
`Path("envs/data/casino.json.gz").write_bytes(pack(read_original(folder)))`.
Attribution and licence (CC BY 4.0): `envs/data/CASINO-LICENSE.md`.
"""

import gzip
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from forethought.agent.errors import DataError

Split = Literal["train", "valid", "test"]
Amounts = tuple[int, int, int]
"""Packages of food, water and firewood, 0 to 3 each."""

ITEMS = ("food", "water", "firewood")
SPLITS: tuple[Split, ...] = ("train", "valid", "test")
LEVELS = ("High", "Medium", "Low")
POINTS = (5, 4, 3)
"""Points for one package of the item of high, medium and low priority."""
PACKAGES = 3
"""Packages of each item on the table."""
WALK_AWAY_POINTS = 5
_ACTIONS = frozenset({"Submit-Deal", "Accept-Deal", "Reject-Deal", "Walk-Away"})
_SEATS = ("mturk_agent_1", "mturk_agent_2")
_FILE = "data/casino.json.gz"


@dataclass(frozen=True, slots=True)
class Dialogue:
    """One negotiation, up to the first action on a deal; two seats, 0 and 1."""

    id: int
    split: Split
    """The split of the original release."""
    priorities: tuple[tuple[str, str, str], tuple[str, str, str]]
    """For each seat its items, dearest first."""
    first: int
    """The seat that speaks first; the seats then speak in turn."""
    turns: tuple[str, ...]
    """What was said before anybody submitted a deal or walked away."""
    points: tuple[int, int]
    """What each seat scored, 5 to 36."""
    deal: Amounts | None
    """What seat 0 got under the accepted deal; `None` when somebody walked away."""
    submitted: Amounts | None
    """What seat 0 would have got under the first deal submitted, accepted or not; `None` when there
    was none. Only for measuring: it was decided after the last turn."""

    def speaker(self, turn: int) -> int:
        """The seat that says turn number `turn`, counted from 0."""
        return (self.first + turn) % 2


def _amounts(entry: Mapping[str, Any]) -> Amounts:
    mine = entry["id"] == _SEATS[0]
    table = entry["task_data"]["issue2youget" if mine else "issue2theyget"]
    food, water, firewood = (int(table[item.capitalize()]) for item in ITEMS)
    return food, water, firewood


def _priorities(person: Mapping[str, Any]) -> tuple[str, str, str]:
    high, medium, low = (str(person["value2issue"][level]).lower() for level in LEVELS)
    return high, medium, low


def _dialogue(raw: Mapping[str, Any], split: Split) -> Dialogue:
    log = raw["chat_logs"]
    cut = next(i for i, entry in enumerate(log) if entry["text"] in _ACTIONS)
    speakers = [_SEATS.index(entry["id"]) for entry in log[:cut]]
    if any(one == other for one, other in pairwise(speakers)):
        raise DataError(f"dialogue {raw['dialogue_id']}: one person speaks twice in a row")
    deals = [_amounts(entry) for entry in log if entry["text"] == "Submit-Deal"]
    people = [raw["participant_info"][seat] for seat in _SEATS]
    return Dialogue(
        id=int(raw["dialogue_id"]),
        split=split,
        priorities=(_priorities(people[0]), _priorities(people[1])),
        first=speakers[0],
        turns=tuple(entry["text"].strip() for entry in log[:cut]),
        points=(people[0]["outcomes"]["points_scored"], people[1]["outcomes"]["points_scored"]),
        deal=deals[-1] if log[-1]["text"] == "Accept-Deal" else None,
        submitted=deals[0] if deals else None,
    )


def read_original(folder: str | os.PathLike[str]) -> tuple[Dialogue, ...]:
    """Read `casino_train.json`, `casino_valid.json` and `casino_test.json` of the release.

    Raises:
        DataError: If a file cannot be read or is not of that form.
    """
    dialogues: list[Dialogue] = []
    for split in SPLITS:
        path = Path(folder) / f"casino_{split}.json"
        try:
            raw = json.loads(path.read_bytes())
            dialogues += [_dialogue(entry, split) for entry in raw]
        except OSError as error:
            raise DataError(f"cannot read {path}: {error.strerror}") from error
        except (KeyError, TypeError, ValueError, StopIteration) as error:
            raise DataError(f"{path} is not a CaSiNo file: {error!r}") from error
    return tuple(sorted(dialogues, key=lambda dialogue: dialogue.id))


def pack(dialogues: Iterable[Dialogue]) -> bytes:
    """The gzip file that `load` reads; equal dialogues give equal bytes on one zlib version."""
    rows = [json.dumps(asdict(d), ensure_ascii=False, separators=(",", ":")) for d in dialogues]
    return gzip.compress(("[" + ",\n".join(rows) + "]\n").encode(), compresslevel=9, mtime=0)


def _two(values: list[Any]) -> tuple[Any, Any]:
    one, other = values
    return one, other


def _three(values: list[Any] | None) -> Any:
    return None if values is None else tuple(values)


def load() -> tuple[Dialogue, ...]:
    """All 1,030 dialogues of the shipped file, by id.

    Raises:
        DataError: If the file is missing or damaged.
    """
    try:
        rows = json.loads(gzip.decompress((resources.files(__package__) / _FILE).read_bytes()))
        return tuple(
            Dialogue(
                id=row["id"],
                split=row["split"],
                priorities=(_three(row["priorities"][0]), _three(row["priorities"][1])),
                first=row["first"],
                turns=tuple(row["turns"]),
                points=_two(row["points"]),
                deal=_three(row["deal"]),
                submitted=_three(row["submitted"]),
            )
            for row in rows
        )
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"the shipped {_FILE} is damaged, install again: {error}") from error
