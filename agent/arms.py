"""Arms: ways of deciding, named so that they can be compared.

```
ARM     = PLANNER [ ":" N ] [ "+" CRITIC ] [ "@" MODEL ]
PLANNER = heuristic, unguided and other bots of a world | react | reflexion | best-of-n | tree
        | rank | refine | adaptive | two-stage
N       = the planner's main number: thoughts of best-of-n, iterations of tree, proposals of rank,
          rounds of refine and adaptive
CRITIC  = head | permuted | shuffled | asked | oracle
MODEL   = builtin | gguf:FILE | openai:NAME | ...
```

A planner that needs a critic and names none takes the trained head. Planners and critics are rows
of the tables below. Loads neither heads nor models: they are given.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from forethought.agent.asked import Asked
from forethought.agent.critics import Oracle, Shuffled
from forethought.agent.errors import ConfigError, UnknownName
from forethought.agent.planners.best_of_n import BestOfN
from forethought.agent.planners.bot import BotPlanner, Policy, Unguided
from forethought.agent.planners.rank import Rank
from forethought.agent.planners.react import React
from forethought.agent.planners.refine import Refine
from forethought.agent.planners.reflexion import Reflexion
from forethought.agent.planners.tree import Tree
from forethought.agent.planners.two_stage import TwoStage
from forethought.agent.planners.wording import Match, Same
from forethought.agent.protocols import Planner, ValueFunction

GRAMMAR = "planner[:N][+critic][@model], as in rank+permuted, tree:100 or refine@gguf:FILE"
HEAD = "head"
"""The critic of an arm that names none: the trained head."""
UNGUIDED = "unguided"
ROUNDS = 4
"""Most rounds of `adaptive`."""

_NAME = re.compile(r"^[a-z0-9][a-z0-9_-]*$")
_NUMBER = re.compile(r"^[1-9][0-9]{0,6}$")


@dataclass(frozen=True, slots=True)
class PlannerKind:
    """One row of the table of planners."""

    build: Callable[..., Planner]
    """Critic, and judges of meaning, to a planner; the main number by its name."""
    needs_critic: bool
    needs_model: bool
    """False where a world's candidates, actions and goals can do without one."""
    number: str = ""
    """Name of its main number, such as `rounds`; empty where it has none."""
    may_ask: bool = False
    """Whether it asks a critic if one is named, and does without one otherwise."""
    imagines: bool = False
    """Whether it may imagine goals, and has a use for judges of meaning."""


@dataclass(frozen=True, slots=True)
class CriticKind:
    """One row of the table of critics."""

    rests_on: str | None
    """The head it needs: `head` or `permuted`; `None` for none."""
    build: Callable[[ValueFunction | None], ValueFunction]
    """That head, if any, to the critic."""
    needs_model: bool = False
    """Whether it asks the turn's model."""


def _need(critic: ValueFunction | None) -> ValueFunction:
    if critic is None:
        raise ConfigError("this planner needs a critic")
    return critic


PLANNERS: Mapping[str, PlannerKind] = MappingProxyType(
    {
        "react": PlannerKind(lambda *_: React(), needs_critic=False, needs_model=True),
        "reflexion": PlannerKind(lambda *_: Reflexion(), needs_critic=False, needs_model=True),
        "best-of-n": PlannerKind(
            lambda critic, match, same, **n: BestOfN(_need(critic), match=match, same=same, **n),
            needs_critic=True,
            needs_model=False,
            imagines=True,
            number="n",
        ),
        "tree": PlannerKind(
            lambda critic, match, same, **n: Tree(_need(critic), match=match, same=same, **n),
            needs_critic=True,
            needs_model=False,
            imagines=True,
            number="iterations",
        ),
        "rank": PlannerKind(
            lambda critic, match, same, **n: Rank(_need(critic), match=match, same=same, **n),
            needs_critic=True,
            needs_model=False,
            imagines=True,
            number="proposals",
        ),
        "refine": PlannerKind(
            lambda critic, match, same, **n: Refine(_need(critic), match=match, same=same, **n),
            needs_critic=True,
            needs_model=True,
            number="rounds",
            imagines=True,
        ),
        "adaptive": PlannerKind(
            lambda critic, match, same, rounds=ROUNDS: Refine(
                _need(critic), rounds, adaptive=True, match=match, same=same, name="adaptive"
            ),
            needs_critic=True,
            needs_model=True,
            imagines=True,
            number="rounds",
        ),
        "two-stage": PlannerKind(
            lambda critic, *_: TwoStage(critic),
            needs_critic=False,
            needs_model=True,
            may_ask=True,
        ),
        UNGUIDED: PlannerKind(lambda *_: Unguided(), needs_critic=False, needs_model=False),
    }
)

CRITICS: Mapping[str, CriticKind] = MappingProxyType(
    {
        HEAD: CriticKind(HEAD, _need),
        "permuted": CriticKind("permuted", _need),
        "shuffled": CriticKind(HEAD, lambda critic: Shuffled(_need(critic))),
        "asked": CriticKind(None, lambda _: Asked(), needs_model=True),
        "oracle": CriticKind(None, lambda _: Oracle()),
    }
)


@dataclass(frozen=True, slots=True)
class Arm:
    """One way of deciding inside a comparison."""

    planner: str
    """A row of `PLANNERS`, or a bot of the world."""
    critic: str | None = None
    """A row of `CRITICS`; `None` for the planner's own choice."""
    model: str | None = None
    """A model by name; `None` for the one the command was given."""
    number: int | None = None
    """The planner's main number, 1 or more; `None` for its default."""

    def __post_init__(self) -> None:
        if not _NAME.match(self.planner):
            raise ConfigError(f"arm {str(self)!r} has no planner name; write {GRAMMAR}")
        if self.critic is not None and self.critic not in CRITICS:
            raise UnknownName("critic", self.critic, CRITICS)
        kind = PLANNERS.get(self.planner)
        if self.critic is not None and not (kind and (kind.needs_critic or kind.may_ask)):
            raise ConfigError(
                f"arm {str(self)!r}: {self.planner} asks no critic; leave out +{self.critic}"
            )
        if self.model is not None and not self.model.strip():
            raise ConfigError(f"arm {str(self)!r} names no model after @; write {GRAMMAR}")
        if self.number is not None and self.number < 1:
            raise ConfigError(f"arm {str(self)!r}: the number after : must be 1 or more")
        if self.number is not None and not self._number_name:
            raise ConfigError(f"arm {str(self)!r}: {self.planner} has no number; leave out :N")

    @classmethod
    def parse(cls, text: str) -> "Arm":
        """Read `planner[:N][+critic][@model]`; `str` gives the same text back.

        Raises:
            ConfigError: If the text does not follow the grammar.
            UnknownName: If there is no such critic.
        """
        left, at, model = text.strip().partition("@")
        planner, plus, critic = left.partition("+")
        if (plus and not critic) or "+" in critic:
            raise ConfigError(f"arm {text!r} does not name one critic after +; write {GRAMMAR}")
        planner, colon, number = planner.partition(":")
        if colon and not _NUMBER.match(number):
            raise ConfigError(
                f"arm {text!r} has no whole number of 1 or more after :; write {GRAMMAR}"
            )
        return cls(
            planner,
            critic if plus else None,
            model if at else None,
            int(number) if colon else None,
        )

    def __str__(self) -> str:
        critic = "" if self.critic is None else f"+{self.critic}"
        model = "" if self.model is None else f"@{self.model}"
        number = "" if self.number is None else f":{self.number}"
        return f"{self.planner}{number}{critic}{model}"

    @property
    def _number_name(self) -> str:
        return PLANNERS[self.planner].number if self.planner in PLANNERS else ""

    @property
    def numbers(self) -> Mapping[str, int]:
        """The main number under its name; empty for the default."""
        return {} if self.number is None else {self._number_name: self.number}

    @property
    def needs_critic(self) -> bool:
        """Whether the planner cannot do without a critic."""
        return self.planner in PLANNERS and PLANNERS[self.planner].needs_critic

    @property
    def needs_model(self) -> bool:
        """Whether the planner or its critic cannot do without a model in any world."""
        kind, critic = PLANNERS.get(self.planner), CRITICS.get(self.critic or "")
        return bool((kind and kind.needs_model) or (critic and critic.needs_model))

    @property
    def critic_name(self) -> str | None:
        """The critic it asks, the trained head where it needs one and names none."""
        return self.critic or (HEAD if self.needs_critic else None)

    @property
    def head(self) -> str | None:
        """The trained head its critic rests on: `head` or `permuted`; `None` for none."""
        return CRITICS[self.critic_name].rests_on if self.critic_name else None

    @property
    def imagines(self) -> bool:
        """Whether the planner may imagine goals."""
        return self.planner in PLANNERS and PLANNERS[self.planner].imagines


def build_planner(
    arm: Arm,
    *,
    critics: Mapping[str, ValueFunction] | None = None,
    bots: Mapping[str, Policy] | None = None,
    match: Match | None = None,
    same: Same | None = None,
) -> Planner:
    """The planner of an arm.

    Args:
        arm: What to build.
        critics: Trained heads by name: `head`, `permuted`.
        bots: The world's hand-written policies by arm name; they go before a planner of that name.
        match: Maps imagined goals to a world's vocabulary, for planners that imagine some.
        same: Whether two goals mean the same, for planners that imagine some.

    Raises:
        UnknownName: If neither a planner nor a bot has the arm's name.
        ConfigError: If the head that its critic rests on is not among `critics`.
    """
    bots = bots or {}
    if arm.planner in bots:
        return BotPlanner(arm.planner, bots[arm.planner])
    if arm.planner not in PLANNERS:
        raise UnknownName("planner", arm.planner, {*PLANNERS, *bots})
    critic = None
    if arm.critic_name is not None:
        head = (critics or {}).get(arm.head or "")
        if arm.head and head is None:
            have = ", ".join(sorted(critics or {})) or "none"
            raise ConfigError(f"arm {str(arm)!r} needs the critic {arm.head!r}; given: {have}")
        critic = CRITICS[arm.critic_name].build(head)
    return PLANNERS[arm.planner].build(critic, match, same, **arm.numbers)
