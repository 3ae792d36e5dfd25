"""The rules of the simulated donor: what an act of the persuader changes. No text, no randomness.

Invented rules, not findings: nobody measured that a person's mind moves like this. A donor has a
willingness that acts raise or lower, an objection that asking brings up and fitting acts settle,
and a resistance that the willingness has to reach before anything is given.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from forethought.agent.errors import ConfigError
from forethought.envs.persuasion.strategies import ASKS, STRATEGIES

LEVELS = (0.0, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0)
"""What a donor can give, dollars; the last is all of it."""
CLOSE = "close"
APPEALS = tuple(name for name in STRATEGIES if name != CLOSE)
"""Everything that is neither an ask nor the end."""
ACTS = (*APPEALS, *ASKS, CLOSE)
ASKED = MappingProxyType(dict(zip(ASKS, (2, 4, 6), strict=True)))
"""Level that each way to ask names."""
NEEDS = MappingProxyType(dict(zip(ASKS, (0, 2, 4), strict=True)))
"""Willingness beyond the resistance that each way to ask needs."""
OPENS_UP = "personal inquiry"
"""The act that makes a donor tell its objection unasked."""
OBJECTIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "none": (),
        "doubt": ("credibility", "information"),
        "later": ("emotion", "logic"),
        "money": ("ask little", "logic"),
        "already": ("example", "story"),
    }
)
"""Objection to the acts that settle it."""
MAX_TURNS = 10
"""Turns of the persuader: what it is in the median of the 1,017 real dialogues."""


@dataclass(frozen=True, slots=True)
class Donor:
    """What is hidden of one simulated donor."""

    likes: Mapping[str, int]
    """What the first use of each appeal adds to the willingness."""
    patience: int
    """Refusals after which it leaves."""
    objection: str
    resistance: int
    """Willingness from which it gives."""
    purse: int
    """The most it would give, a level."""
    keeps: bool
    """Whether it gives what it promised; if not, it gives what it would have given unasked."""


@dataclass(slots=True)
class Talk:
    """One talk with a simulated donor."""

    donor: Donor
    max_turns: int = MAX_TURNS
    willingness: int = 0
    used: dict[str, int] = field(default_factory=dict)
    """How often each act was made."""
    objecting: bool = False
    """Whether an objection was told and not settled."""
    settled: bool = False
    """Whether the objection was settled."""
    promised: int = 0
    """Highest level promised."""
    refused: int = 0
    turns: int = 0
    over: bool = False
    left: bool = False
    """Whether the donor went away."""

    def act(self, act: str) -> tuple[str, int]:
        """Make an act.

        Returns:
            What the donor does (`heard`, `objected`, `settled`, `promised`, `less`, `refused`,
            `left` or `closed`), and by how much its willingness moved.

        Raises:
            ConfigError: If there is no such act, or the talk is over.
        """
        if self.over:
            raise ConfigError("the talk is over")
        if act not in ACTS:
            raise ConfigError(f"there is no act {act!r}")
        before, self.turns = self.willingness, self.turns + 1
        done = "closed" if act == CLOSE else self._ask(act) if act in ASKED else self._appeal(act)
        self.used[act] = self.used.get(act, 0) + 1
        self.left = done == "left"
        self.over = done in {"closed", "left"} or self.turns >= self.max_turns
        return done, self.willingness - before

    def _appeal(self, act: str) -> str:
        gain = self.gain(act)
        if self.objecting:
            if act not in OBJECTIONS[self.donor.objection]:
                self.willingness += min(gain, 0)
                return "heard"
            self.objecting, self.settled = False, True
            self.willingness += gain + 1
            return "settled"
        self.willingness += gain
        if act == OPENS_UP and self._hides_objection:
            self.objecting = True
            return "objected"
        return "heard"

    def gain(self, act: str) -> int:
        """What an appeal would add now to the willingness of a donor who listens."""
        likes, used = self.donor.likes[act], self.used.get(act, 0)
        if used == 0 or likes < 0:
            return likes
        return likes // 2 if used == 1 else -1

    def _ask(self, act: str) -> str:
        donor = self.donor
        if self._hides_objection:
            self.objecting = True
            if act not in OBJECTIONS[donor.objection]:
                self.willingness -= 1
                return "objected"
        if self.objecting and act in OBJECTIONS[donor.objection]:
            self.objecting, self.settled = False, True
        enough = self.willingness >= donor.resistance + NEEDS[act] and not self.objecting
        if enough and ASKED[act] <= donor.purse:
            self.promised = max(self.promised, ASKED[act])
            return "promised"
        if enough:
            return "less"
        self.willingness -= 1
        self.refused += 1
        return "left" if self.refused >= donor.patience else "refused"

    @property
    def _hides_objection(self) -> bool:
        return self.donor.objection != "none" and not self.objecting and not self.settled

    @property
    def gift(self) -> int:
        """Level that would be given if the talk ended now."""
        donor = self.donor
        margin = self.willingness - donor.resistance
        own = 0 if margin < 0 or self.objecting else min(donor.purse, 1 + margin // 2)
        return max(own, self.promised) if donor.keeps else own
