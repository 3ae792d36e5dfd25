"""A recipe: one frozen row of data that names a way of fine-tuning. Nothing here trains.

Rows lie in `valuefn.rl.rows`; a TOML file may change one (`base = "grpo"`, then what differs).
"""

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from forethought.agent.errors import ConfigError
from forethought.valuefn.rl.tokens import Kind

_STRICT = ConfigDict(extra="forbid")
ForcedLoss = Literal["none", "as-sampled", "positive", "shaped", "importance"]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How rollouts are written."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    temperature: float = 1.0
    """Above 0; log-probabilities are taken at it, in rollouts and in the update."""
    turns: int = 1
    """Most turns of the policy in one rollout."""
    turn_tokens: int = 256
    """Most tokens drawn in one turn."""
    completion_tokens: int = 512
    """Most tokens after the prompt, given ones included."""
    given_tokens: int = 500
    """Most tokens of one tool output; the rest of it is cut."""
    rows: int = 64
    """Rollouts written at once."""


@dataclass(frozen=True, slots=True)
class Loss:
    """The objective of an update, put together from its parts."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    ratio: Literal["token", "sequence"] = "token"
    """Importance ratios token by token, or one for each rollout (GSPO)."""
    reduce: Literal["sequence", "constant", "token"] = "sequence"
    """Mean of each rollout's mean; sum over a constant length (Dr. GRPO); mean over all tokens of
    the update (DAPO)."""
    scale: Literal["group", "batch", "none"] = "group"
    """What advantages are divided by: standard deviation of the group's rewards, of the batch's,
    or nothing."""
    clip_low: float = 0.2
    """Ratios below 1 less this are clipped."""
    clip_high: float = 0.2
    """Ratios above 1 plus this are clipped."""
    beta: float = 0.0
    """Weight of the KL penalty to the starting model, on tokens that carry loss."""
    forced: ForcedLoss = "none"
    """The loss on a forced prefix. `as-sampled` treats it as if it had been drawn: a deliberate
    bias, and what moves the unprefixed policy. `positive`: the same where the advantage is above
    0. `shaped`: p / (p + shape). `importance`: the prefix's true probability as its weight."""
    shape: float = 0.1
    """For `shaped`; above 0."""

    @property
    def trains(self) -> frozenset[Kind]:
        """Kinds of tokens that carry loss."""
        forced = {Kind.FORCED} if self.forced != "none" else set()
        return frozenset({Kind.SAMPLED} | forced)


@dataclass(frozen=True, slots=True)
class Optimiser:
    """AdamW and its schedule, which run through all stages."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    learning_rate: float = 1e-6
    warmup: float = 0.0
    """Share of all updates over which the rate rises."""
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    weight_decay: float = 0.0
    clip_norm: float = 1.0
    """Largest gradient norm."""
    passes: int = 1
    """Updates made of each batch of rollouts."""


@dataclass(frozen=True, slots=True)
class Prefixes:
    """Which rollouts of a group begin with forced tokens."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    texts: tuple[str, ...] = ()
    """Openings that bring the wanted behaviour about; they take turns."""
    share: float = 0.25
    """Share of each group that is prefixed, rounded; at least one rollout stays free."""
    until: int | None = None
    """Batches of rollouts over which the share falls evenly to 0; `None` for a constant share."""
    enough: float | None = None
    """Mean success of a batch's free rollouts from which on none is prefixed in the next."""


@dataclass(frozen=True, slots=True)
class Stage:
    """How many demonstrations the prompt shows, and when that ends. The last one never ends."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    demonstrations: int = 0
    steps: int | None = None
    """Batches of rollouts after which the next stage begins."""
    success: float | None = None
    """Mean success of free rollouts over `window` batches at which the next stage begins."""
    window: int = 5


@dataclass(frozen=True, slots=True)
class Recipe:
    """A way of fine-tuning."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    name: str
    group: int = 8
    """Rollouts of one prompt."""
    prompts: int = 8
    """Prompts in one update."""
    steps: int = 200
    """Updates."""
    optimiser: Optimiser = field(default_factory=Optimiser)
    loss: Loss = field(default_factory=Loss)
    rewards: Mapping[str, float] = field(default_factory=lambda: {"exact": 1.0})
    """Weights of reward parts, by name."""
    success: str = ""
    """Reward part that counts as success; the first one where empty."""
    sampling: Sampling = field(default_factory=Sampling)
    prefixes: Prefixes = field(default_factory=Prefixes)
    stages: tuple[Stage, ...] = (Stage(),)
    credit: Literal["group", "value"] = "group"
    """One advantage for a rollout, or one for each turn from differences of a critic's values."""
    decides: bool = False
    """Whether each turn answers, and then decides to stop or to try again."""
    redraw: int = 0
    """How often a group whose rewards are all equal is drawn anew."""
    attribution: int = 0
    """Gradient norms by span every so many updates; 0 for never."""

    @property
    def success_part(self) -> str:
        """The reward part that counts as success."""
        return self.success or next(iter(self.rewards), "")


_RECIPE = TypeAdapter(Recipe)


def check_recipe(recipe: Recipe) -> Recipe:
    """The recipe itself, once nothing in it contradicts the rest.

    Raises:
        ConfigError: If a value cannot work; the message names it.
    """
    for holds, message in (*_ranges(recipe), *_joint(recipe)):
        if not holds:
            raise ConfigError(f"recipe {recipe.name!r}: {message}")
    return recipe


def _ranges(recipe: Recipe) -> list[tuple[bool, str]]:
    loss, sampling, optimiser = recipe.loss, recipe.sampling, recipe.optimiser
    counts = {
        "prompts": recipe.prompts,
        "steps": recipe.steps,
        "sampling.turns": sampling.turns,
        "sampling.turn_tokens": sampling.turn_tokens,
        "sampling.completion_tokens": sampling.completion_tokens,
        "sampling.rows": sampling.rows,
        "optimiser.passes": optimiser.passes,
    }
    return [
        (
            recipe.group >= 2,
            f"group is {recipe.group}; rewards are compared within a group, so it needs at least 2",
        ),
        *(
            (count >= 1, f"{name} is {count}; it must be at least 1")
            for name, count in counts.items()
        ),
        (sampling.temperature > 0, "sampling.temperature must be above 0"),
        (optimiser.learning_rate > 0, "optimiser.learning_rate must be above 0"),
        (0 <= optimiser.warmup < 1, "optimiser.warmup is a share, from 0 to below 1"),
        (loss.clip_low > 0 and loss.clip_high > 0, "loss.clip_low and clip_high must be above 0"),
        (loss.beta >= 0, "loss.beta must be at least 0"),
        (loss.shape > 0, "loss.shape must be above 0"),
        (
            recipe.redraw >= 0 and recipe.attribution >= 0,
            "redraw and attribution cannot be below 0",
        ),
    ]


def _joint(recipe: Recipe) -> list[tuple[bool, str]]:
    prefixes = recipe.prefixes
    forced = members_prefixed(recipe.group, prefixes.share) if prefixes.texts else 0
    return [
        (bool(recipe.rewards), "it weighs no reward; give rewards, such as {exact = 1.0}"),
        (
            recipe.success_part in recipe.rewards,
            f"success is {recipe.success!r}, which is no part of its rewards",
        ),
        (0 <= prefixes.share <= 1, "prefixes.share must lie between 0 and 1"),
        (
            forced < recipe.group,
            f"prefixes.share {prefixes.share:g} leaves no free rollout in a group of "
            f"{recipe.group}: lower it, so that the unprefixed policy is seen",
        ),
        (bool(recipe.stages), "it has no stage; one without demonstrations is stages = [{}]"),
        (
            all(one.steps is not None or one.success is not None for one in recipe.stages[:-1]),
            "every stage but the last needs steps or success, at which the next one begins",
        ),
        (
            not recipe.decides or recipe.sampling.turns >= 2,
            "it decides whether to try again, which takes sampling.turns of at least 2",
        ),
        (
            recipe.credit == "group" or recipe.loss.scale == "none",
            "credit = 'value' needs loss.scale = 'none': turn advantages are in units of reward",
        ),
    ]


def members_prefixed(group: int, share: float) -> int:
    """How many rollouts of a group begin with forced tokens."""
    return round(group * share)


def load_recipe(name: str, rows: Mapping[str, Recipe], changes: Sequence[str] = ()) -> Recipe:
    """A row by name, a TOML file that changes one, or a whole recipe that a training wrote.

    Args:
        name: A row's name, or a file that ends in `.toml` or `.json`.
        rows: The rows there are.
        changes: Settings as in `loss.beta=0.001`; the value is read as TOML, else as text.

    Raises:
        ConfigError: If there is no such row or file, or a setting does not exist or cannot work.
    """
    settings: dict[str, Any] = {}
    base = name
    if name.endswith(".json"):
        whole = _read_json(Path(name))
        return _changed(whole, changes)
    if name.endswith(".toml"):
        settings = _read_toml(Path(name))
        base = settings.pop("base", "grpo")
        settings.setdefault("name", Path(name).stem)
    if base not in rows:
        known = ", ".join(sorted(rows))
        raise ConfigError(f"no recipe {base!r}; known: {known}, or a file NAME.toml")
    return _changed(_merge(as_plain(rows[base]), settings), changes)


def _changed(settings: dict[str, Any], changes: Sequence[str]) -> Recipe:
    for change in changes:
        settings = _merge(settings, _setting(change))
    return recipe_from(settings)


def recipe_from(settings: Mapping[str, Any]) -> Recipe:
    """A recipe of plain values, as `as_plain` gives them.

    Raises:
        ConfigError: If a setting does not exist or cannot work.
    """
    try:
        return check_recipe(_RECIPE.validate_python(settings))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"recipe: {where}: {first['msg']}") from error


def as_plain(recipe: Recipe) -> dict[str, Any]:
    """The recipe in JSON's own kinds."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(recipe)))
    return plain


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the recipe {path}: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the recipe {path} is not TOML: {error}") from error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the recipe {path}: {error.strerror}") from error
    except json.JSONDecodeError as error:
        raise ConfigError(f"the recipe {path} is not JSON: {error.msg}") from error
    if not isinstance(settings, dict):
        raise ConfigError(f"the recipe {path} is no JSON object")
    return settings


def _setting(change: str) -> dict[str, Any]:
    path, sign, text = change.partition("=")
    if not sign or not path:
        raise ConfigError(f"--set {change!r}: write a setting as KEY=VALUE, as in loss.beta=0.001")
    try:
        value: Any = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    first, *rest = path.split(".")
    for part in reversed(rest):
        value = {part: value}
    return {first: value}


def _merge(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        inner = merged.get(key)
        # weights of rewards are given anew, not added to
        if key != "rewards" and isinstance(inner, dict) and isinstance(value, dict):
            merged[key] = _merge(inner, value)
        else:
            merged[key] = value
    return merged
