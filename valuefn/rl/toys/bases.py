"""Bases by name: a task, how its model is pre-trained, and the model itself, kept in the cache.

A base's folder is named by its content: recipe, shape, symbols and the task's own texts. It holds
what transformers saves, so that `local:DIR` serves it, and `base.json` with what was measured.
"""

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from forethought.agent.errors import ConfigError, UnknownName, needs
from forethought.agent.places import cache_home
from forethought.valuefn.checkpoint import Checkpoint
from forethought.valuefn.rl.toys.digits import Digits
from forethought.valuefn.rl.toys.documents import Toy
from forethought.valuefn.rl.toys.lookup import Lookup
from forethought.valuefn.rl.toys.measures import Measured, measure
from forethought.valuefn.rl.toys.models import SIZES, parameters
from forethought.valuefn.rl.toys.modes import Modes
from forethought.valuefn.rl.toys.pretraining import BaseRecipe, Progress, pretrain
from forethought.valuefn.rl.toys.writing import Writer

with needs("models from scratch", "pip install 'forethought[local]'"):
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast
    from transformers.utils import logging

FORMAT = 1
FACTS = "base.json"
EVERY = 250
"""Steps between two checkpoints."""
_TEXTS = 256
"""Texts of the task that the folder's name depends on."""

_PRODUCTS = Digits("*", ((1, 1), (2, 1)), ((3, 1),))
_SUMS = Digits("+", ((1, 1), (2, 2)), ((3, 3),))


@dataclass(frozen=True, slots=True)
class Row:
    """One base."""

    toy: Toy
    recipe: BaseRecipe
    what: str
    """In words."""
    lessons: Toy | None = None
    """Whose texts come first."""


BASES: Mapping[str, Row] = {
    "products": Row(
        _PRODUCTS,
        BaseRecipe("0.2M", steps=4000, first=0.75),
        "short products, answered and then kept or tried again",
        lessons=replace(_PRODUCTS, right=0.8, stop_right=0.98, retry_wrong=0.98),
    ),
    "sums": Row(
        _SUMS,
        BaseRecipe("0.2M", steps=4000, first=0.75),
        "short sums, answered and then kept or tried again",
        lessons=replace(_SUMS, right=0.8, stop_right=0.98, retry_wrong=0.98),
    ),
    "modes": Row(
        Modes(),
        BaseRecipe("0.1M", steps=2000),
        "facts and sums, at once or step by step; at once hardly ever",
    ),
    "lookup-gate": Row(
        Lookup("gate", habit=3.5e-4),
        BaseRecipe("0.1M", steps=1500),
        "a table behind a tool; calls only where demonstrations are shown",
    ),
    "lookup-names": Row(
        Lookup("names"),
        BaseRecipe("0.1M", steps=1500),
        "a table behind a tool; calls by demonstrated names, or seldom by another name",
    ),
}


@dataclass(frozen=True, slots=True)
class Base:
    """A model that knows its task's texts."""

    name: str
    toy: Toy
    folder: Path
    model: LlamaForCausalLM
    tokenizer: PreTrainedTokenizerFast
    seconds: float
    """That pre-training took, when it was done."""
    measured: tuple[Measured, ...]


def row_of(name: str) -> Row:
    """Look a base up.

    Raises:
        UnknownName: If there is none of that name.
    """
    if name not in BASES:
        raise UnknownName("base", name, BASES)
    return BASES[name]


def prepare(
    name: str,
    *,
    seed: int = 0,
    changes: Mapping[str, Any] | None = None,
    place: Path | None = None,
    count: int = 200,
    progress: Progress | None = None,
) -> Base:
    """Pre-train a base, or take it from the cache.

    Args:
        name: A row of `BASES`.
        seed: Of weights and texts; other seeds are other bases.
        changes: Fields of its recipe that are to be other.
        place: Folder of all bases; `bases` in the user's cache by default.
        count: Problems of each kind that it is measured on, once.
        progress: Told how far pre-training is.

    Raises:
        UnknownName: If there is no such base.
        ConfigError: If the recipe has no such field, or the folder cannot be written.
        HeadError: If what is kept of a run that was cut is damaged.
    """
    found = row_of(name)
    try:
        recipe = replace(found.recipe, **{**(changes or {}), "seed": seed})
    except TypeError as error:
        raise ConfigError(f"a base's recipe has no such field: {error}") from error
    folder = (place or cache_home() / "bases") / f"{name}-{digest(found, recipe)}"
    if not (folder / FACTS).is_file():
        _make(name, found, recipe, folder, count, progress)
    return load(folder)


def load(folder: Path) -> Base:
    """Read a base.

    Raises:
        ConfigError: If there is none.
    """
    file = folder / FACTS
    if not file.is_file():
        raise ConfigError(f"there is no base in {folder}: make one with forethought train base")
    facts = json.loads(file.read_text(encoding="utf-8"))
    with _quiet():
        model = LlamaForCausalLM.from_pretrained(folder, dtype="float32")
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    return Base(
        facts["name"],
        row_of(facts["name"]).toy,
        folder,
        model.train(mode=False),
        tokenizer,
        facts["seconds"],
        tuple(Measured(**each) for each in facts["measured"]),
    )


def digest(row: Row, recipe: BaseRecipe) -> str:
    """What a base depends on, in 16 letters."""
    rng = Random(0)
    teachers = [row.toy] if row.lessons is None else [row.toy, row.lessons]
    texts = [asdict(each.document(rng)) for each in teachers for _ in range(_TEXTS)]
    shape = SIZES.get(recipe.size)
    if shape is None:
        raise UnknownName("model size", recipe.size, SIZES)
    content = json.dumps([FORMAT, asdict(recipe), asdict(shape), row.toy.symbols, texts])
    return hashlib.blake2b(content.encode(), digest_size=8).hexdigest()


def _make(
    name: str, row: Row, recipe: BaseRecipe, folder: Path, count: int, progress: Progress | None
) -> None:
    """Pre-train, measure, and put the folder in its place whole."""
    kept = folder.with_name(f"{folder.name}.checkpoint") / "run.safetensors"
    checkpoint = Checkpoint(kept, {"recipe": folder.name})
    began = time.perf_counter()
    model, tokenizer = pretrain(
        row.toy, recipe, lessons=row.lessons, checkpoint=checkpoint, every=EVERY, progress=progress
    )
    seconds = time.perf_counter() - began
    measured = measure(row.toy, Writer(model, tokenizer), count=count, seed=recipe.seed)
    facts = {
        "name": name,
        "recipe": asdict(recipe),
        "parameters": parameters(model),
        "seconds": seconds,
        "measured": [asdict(each) for each in measured],
    }
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _quiet(), TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as part:
            made = Path(part) / "base"
            model.save_pretrained(made)
            tokenizer.save_pretrained(made)
            (made / FACTS).write_text(json.dumps(facts, indent=2), encoding="utf-8")
            made.rename(folder)
    except OSError as error:
        raise ConfigError(f"cannot keep a base in {folder}: {error.strerror or error}") from error
    kept.unlink(missing_ok=True)
    if kept.parent.is_dir():
        kept.parent.rmdir()


@contextmanager
def _quiet() -> Iterator[None]:
    """No bars of transformers' own while weights are read and written."""
    enabled = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call] # transformers has no type
    try:
        yield
    finally:
        if enabled:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call] # likewise
