"""Settings of a value head. A variant is one row here, not a branch in the trainer."""

import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from forethought.agent.errors import ConfigError, UnknownName

Share = Annotated[float, Field(ge=0, le=1)]
Network = Literal["bilinear", "concat", "linear"]
Objective = Literal["iql", "monte-carlo", "regression", "contrastive", "gcivl"]
View = Literal["whole", "no-state", "no-thought", "no-prefix", "reward"]


_LATER = ("refit", "network", "view", "cooldown", "ridge", "readers")
"""Settings that came after heads had names made of the others."""
MIN_READERS = 3
"""Members of a head of readers; each leaves a fold out."""


class GoalShares(BaseModel):
    """Share of the loss that each kind of goal gets; they sum to one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    outcome: Share = 0.8
    """Outcome sentences of the world's vocabulary, reached and missed alike."""
    future: Share = 0.08
    """States that are known to lie ahead: other episodes came to them from the same state; of a
    state that one episode alone came to, states drawn from what followed, geometrically nearer ones
    more often."""
    current: Share = 0.02
    """The state itself: reached at once."""
    other: Share = 0.1
    """States drawn from other episodes, or from before, reached or not; what lies ahead is among
    them. Without goals that are not reached a head learns that everything happens."""
    nearness: float = Field(default=0.5, gt=0, le=1)
    """Chance that a goal drawn from the future is the very next state; the one after has that
    chance of what is left, and so on: 1 minus the discount of future goals."""

    @model_validator(mode="after")
    def _sums_to_one(self) -> "GoalShares":
        total = self.outcome + self.future + self.current + self.other
        if abs(total - 1) > 1e-6:
            raise ValueError(f"the goal shares sum to {total:g}, not to 1")
        return self


class HeadConfig(BaseModel):
    """How a head is trained. Defaults were chosen on validation episodes of `bargaining-v0`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    encoder: str = "hashed"
    """Encoder name, or several joined by `+`."""
    objective: Objective = "iql"
    """What a score is trained to be: a row of `objectives.OBJECTIVES`."""
    network: Network = "bilinear"
    """`bilinear`: inner products of what is judged and goals; `concat`: both through one
    perceptron, slower by the number of goals; `linear`: `bilinear` without hidden layers."""
    hidden: int = Field(default=64, ge=4, le=4096)
    """Units in each hidden layer."""
    members: int = Field(default=5, ge=1, le=64)
    """Heads in the ensemble, each on its own bootstrap sample of episodes."""
    gamma: float = Field(default=0.99, gt=0, le=1)
    """Discount per decision."""
    expectile: float = Field(default=0.7, gt=0, lt=1)
    """Weight of underestimates in the state value; 0.5 is the behaviour policy's own value."""
    polyak: float = Field(default=0.02, gt=0, le=1)
    """Share of the online critic mixed into the target critic at each update."""
    learning_rate: float = Field(default=1e-3, gt=0)
    cooldown: Share = 0.0
    """Share of `steps` at the end over which the learning rate falls evenly to zero. Early stopping
    may end a training before that."""
    weight_decay: float = Field(default=1e-3, ge=0)
    batch: int = Field(default=512, ge=2)
    """Transitions a step; every one is scored against every goal of the step."""
    steps: int = Field(default=3000, ge=1)
    """Most updates; held-out episodes usually stop training earlier."""
    shares: GoalShares = GoalShares()
    focus: str = ""
    """An outcome sentence that counts as much as all others together, in the loss and in early
    stopping; empty for none. On few episodes, the others crowd out what is particular to it."""
    refit: bool = False
    """Train once more on all episodes, the held-out ones included, for as many updates as were
    best; the calibration stays that of the first training."""
    ridge: float = Field(default=0.0, ge=0)
    """Where above 0, a `linear` network starts from logistic regressions of the outcome sentences;
    less is smoother, 1 is what was chosen for each encoder (`ridge.STRENGTHS`)."""
    readers: bool = False
    """Where true, the head is a mean of logistic regressions of a talk's text (`reader_fit`), a
    `linear` network that no gradient step touches; thoughts are not read."""
    permute: bool = False
    """Train on outcomes dealt to the wrong episodes: the control that counts."""
    view: View = "whole"
    """What of the episodes the head is shown, for audits and ablations: with `no-...` it never sees
    that part, with `reward` one goal, a high reward, stands in place of all outcomes."""
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _ridge_is_linear(self) -> "HeadConfig":
        if self.ridge and self.network != "linear":
            raise ValueError(f"ridge is a start for network linear, not for {self.network}")
        return self

    @model_validator(mode="after")
    def _readers_stand_alone(self) -> "HeadConfig":
        if self.readers and (self.network != "linear" or self.ridge or self.refit):
            raise ValueError("readers are a linear network by themselves: no ridge, no refit")
        if self.readers and self.members < MIN_READERS:
            raise ValueError(f"readers are fitted by {MIN_READERS} members or more")
        return self

    def digest(self) -> str:
        """Short hash of all settings: equal settings, equal digest.

        Settings that came later are left out at their defaults, so that heads keep their names.
        """
        fields = HeadConfig.model_fields
        later: dict[str, Any] = {
            name: True for name in _LATER if getattr(self, name) == fields[name].default
        }
        if self.shares.nearness == GoalShares.model_fields["nearness"].default:
            later["shares"] = {"nearness"}
        settings = self.model_dump_json(exclude=later)
        return hashlib.blake2b(settings.encode(), digest_size=6).hexdigest()


ROWS: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        "iql": {},
        "monte-carlo": {"objective": "monte-carlo", "gamma": 1.0, "expectile": 0.5},
        "scalar": {"view": "reward"},
        "regression": {"objective": "regression"},
        "contrastive": {"objective": "contrastive"},
        "gcivl": {"objective": "gcivl"},
        "dialogue": {
            "objective": "monte-carlo",
            "gamma": 1.0,
            "expectile": 0.5,
            "hidden": 32,
            "members": 8,
            "learning_rate": 2e-4,
            "weight_decay": 10.0,
            "batch": 512,
            "steps": 600,
        },
        "talk": {
            "encoder": "heard+lines+notes",
            "objective": "monte-carlo",
            "gamma": 1.0,
            "expectile": 0.5,
            "network": "linear",
            "hidden": 16,
            "members": 4,
            "learning_rate": 1e-5,
            "weight_decay": 0.0,
            "steps": 1,
            "shares": {"outcome": 1.0, "future": 0.0, "current": 0.0, "other": 0.0},
            "ridge": 1.0,
            "refit": True,
        },
        "short": {
            "objective": "monte-carlo",
            "gamma": 1.0,
            "expectile": 0.5,
            "members": 3,
            "learning_rate": 3e-3,
            "shares": {"outcome": 1.0, "future": 0.0, "current": 0.0, "other": 0.0},
        },
        "errand": {
            "objective": "monte-carlo",
            "gamma": 0.99,
            "expectile": 0.5,
            "members": 5,
            "learning_rate": 3e-3,
            "weight_decay": 3.0,
            "shares": {"outcome": 1.0, "future": 0.0, "current": 0.0, "other": 0.0},
        },
        "reading": {
            "encoder": "notes+lines",
            "objective": "monte-carlo",
            "gamma": 1.0,
            "expectile": 0.5,
            "network": "linear",
            "members": 5,
            "readers": True,
        },
    }
)
"""Named rows: what differs from the defaults.

`dialogue` is for a thousand or two human dialogues: small networks, many of them, stopped early.
Chosen on the training split of CaSiNo by three-fold cross-validation; give it a `focus`.
`talk` is for a thousand talks whose states hold what was said: linear, and all of it is the ridge;
the one update is there because a training has at least one. More brought nothing to the order.
Chosen by cross-validation on nine tenths of PersuasionForGood; give it a `focus`.
`reading` is for such talks as well: the mean of eight readers, better than `talk`, and blind to
thoughts.
`short` and `errand` are quick to train, on logs of sensible play that strays now and then. `errand`
discounts, so that decisions that lead nowhere cost something, and is held back by its penalty on
weights, since there are few products to learn from. They are those of the courses of
`avalon-v0` and `webshop-v0`.
"""


def head_config(row: str = "iql", **changes: object) -> HeadConfig:
    """A named row with changes.

    Raises:
        UnknownName: If there is no such row.
        ConfigError: If a setting is unknown or out of range.
    """
    if row not in ROWS:
        raise UnknownName("head configuration", row, ROWS)
    return _validated({**ROWS[row], **changes})


def changed(config: HeadConfig, **changes: object) -> HeadConfig:
    """Settings with changes, checked again.

    Raises:
        ConfigError: If a setting is unknown or out of range.
    """
    return _validated({**config.model_dump(), **changes})


def _validated(settings: Mapping[str, object]) -> HeadConfig:
    try:
        return HeadConfig.model_validate(settings)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "shares"
        raise ConfigError(f"head configuration, {where}: {first['msg']}") from error
