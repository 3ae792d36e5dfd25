"""The rules of haggling over one price: pure state, no text, no randomness.

Prices lie on a grid of 41 marks, 0 to 40, a fortieth of the guide price apart. The seller may not
go below a limit of its own, the buyer not above one of its own; neither knows the other's. In turn
they name a price, accept the price named last, or walk away. What a deal brings is counted in
steps: the marks between the price and the own limit.
"""

from dataclasses import dataclass, field

from forethought.agent.errors import ConfigError

MARKS = 40
"""The highest mark; the lowest is 0."""
MAX_TURNS = 10
"""Offers in all, both players together."""
SELLER, BUYER = 0, 1
ROLES = ("seller", "buyer")


@dataclass(frozen=True, slots=True)
class Instance:
    """What is haggled over, and how far each side may go."""

    item: str
    guide: int
    """The usual price, known to both, in coins; a multiple of 40."""
    floor: int
    """Lowest mark the seller may agree to."""
    ceiling: int
    """Highest mark the buyer may agree to."""
    opener: int
    """The seat that names the first price."""

    @property
    def zone(self) -> int:
        """Steps there are to share; 0 where no price suits both."""
        return max(0, self.ceiling - self.floor)

    def limit(self, seat: int) -> int:
        """The mark beyond which a seat may not go."""
        return self.floor if seat == SELLER else self.ceiling


def coins(guide: int, mark: int) -> int:
    """The price at a mark: half the guide price at 0, one and a half of it at 40."""
    return guide // 2 + mark * guide // MARKS


def gain(seat: int, limit: int, mark: int) -> int:
    """Steps that a price brings a seat; below 0 where it is beyond the seat's limit."""
    return mark - limit if seat == SELLER else limit - mark


def mark_for(seat: int, limit: int, steps: int) -> int:
    """The price that brings a seat so many steps."""
    return limit + steps if seat == SELLER else limit - steps


def room(seat: int, limit: int) -> int:
    """The most steps that any price on the grid brings a seat."""
    return MARKS - limit if seat == SELLER else limit


@dataclass(slots=True)
class Game:
    """One negotiation under way."""

    instance: Instance
    offers: list[int] = field(default_factory=list)
    """Marks named, in order; the opener named the first."""
    max_turns: int = MAX_TURNS
    deal: int | None = None
    """The mark agreed on."""
    walked: bool = False

    @property
    def player(self) -> int:
        """The seat to move."""
        return (self.instance.opener + len(self.offers)) % 2

    @property
    def over(self) -> bool:
        """Whether nothing can be said any more."""
        return self.deal is not None or self.walked or len(self.offers) >= self.max_turns

    def offer(self, mark: int) -> None:
        """Name a price.

        Raises:
            ConfigError: If it is not on the grid, beyond the player's own limit, or all is over.
        """
        self._open()
        if not 0 <= mark <= MARKS:
            raise ConfigError("that price is outside the range of prices")
        self._within(mark)
        self.offers.append(mark)

    def accept(self) -> None:
        """Take the price named last.

        Raises:
            ConfigError: If there is none, it is beyond the player's own limit, or all is over.
        """
        self._open()
        if not self.offers:
            raise ConfigError("there is no price to accept yet")
        self._within(self.offers[-1])
        self.deal = self.offers[-1]

    def walk(self) -> None:
        """Leave without a deal.

        Raises:
            ConfigError: If all is over already.
        """
        self._open()
        self.walked = True

    def gains(self) -> tuple[int, int]:
        """Steps for seller and buyer; 0 for both without a deal."""
        if self.deal is None:
            return 0, 0
        return self.deal - self.instance.floor, self.instance.ceiling - self.deal

    def _open(self) -> None:
        if self.over:
            raise ConfigError("the haggling is over")

    def _within(self, mark: int) -> None:
        if gain(self.player, self.instance.limit(self.player), mark) < 0:
            raise ConfigError("that price is beyond your limit")
