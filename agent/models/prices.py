"""What calls cost: a table of list prices, and a wrapper that fills in the dollars.

The table that comes with the library (`prices.json`, beside this file) can be replaced by a file of
the user's own. Discounts (prompt caching, batches), surcharges (very long prompts, fast or regional
service) and calls that failed are not counted.
"""

import datetime
import os
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from forethought.agent.errors import ConfigError, DataError
from forethought.agent.models.wrapper import Ask, Wrapper
from forethought.agent.protocols import Model
from forethought.agent.types import Reply, Request, Usage

VARIABLE = "FORETHOUGHT_PRICES"
PACKAGED = Path(__file__).with_name("prices.json")

_MILLION = 1_000_000
_PUBLIC = "@https://api.openai.com/v1"
"""An address that may stand in a name and changes no price."""


class Price(BaseModel):
    """One row of the table."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    models: tuple[str, ...] = Field(min_length=1)
    """Names as `load_model` takes them; `?` stands for one character, `*` for any number."""
    prompt: float = Field(ge=0, allow_inf_nan=False)
    """Dollars for a million prompt tokens; 0 is free."""
    completion: float = Field(ge=0, allow_inf_nan=False)
    """Dollars for a million completion tokens."""
    date: datetime.date | None = None
    """When the price was looked up."""
    source: str = ""
    """Where."""

    def dollars(self, usage: Usage) -> float:
        """Price of what was used."""
        spent = usage.prompt_tokens * self.prompt + usage.completion_tokens * self.completion
        return spent / _MILLION


class Prices(BaseModel):
    """The table."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    note: str = ""
    prices: tuple[Price, ...]

    @model_validator(mode="after")
    def _no_name_twice(self) -> "Prices":
        seen: set[str] = set()
        for pattern, _ in self._rows():
            if pattern in seen:
                raise ValueError(f"two prices for {pattern!r}")
            seen.add(pattern)
        return self

    def _rows(self) -> Iterator[tuple[str, Price]]:
        for price in self.prices:
            for pattern in price.models:
                yield pattern, price

    def find(self, name: str) -> Price | None:
        """The price of a model: of the patterns that match its name, the longest decides.

        Of two equally long ones it is the one with fewer wildcards.
        """
        name = name.removesuffix(_PUBLIC)
        found = [row for row in self._rows() if fnmatchcase(name, row[0])]
        return max(found, key=_weight)[1] if found else None


def _weight(row: tuple[str, Price]) -> tuple[int, int]:
    pattern = row[0]
    return len(pattern), -sum(pattern.count(mark) for mark in "*?[")


def load_prices(path: str | os.PathLike[str] | None = None) -> Prices:
    """Read a table of prices.

    Args:
        path: The file; by default the one that `FORETHOUGHT_PRICES` names, else the library's own.

    Raises:
        ConfigError: If the file cannot be read.
        DataError: If it is not a table of prices; says what is wrong and where.
    """
    file = Path(path or os.environ.get(VARIABLE) or PACKAGED).expanduser()
    try:
        return Prices.model_validate_json(file.read_bytes())
    except OSError as error:
        raise ConfigError(f"cannot read the prices in {file}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DataError(
            f"{file} is not a table of prices: {where + ': ' if where else ''}{first['msg']}"
        ) from error


class Priced(Wrapper):
    """A model whose usage tells dollars.

    Args:
        model: The model to wrap; a price it counts itself is replaced.
        prices: The table; by default as `load_prices`. A model that is not in it is left as it is:
            its `price_known` stays false, and a budget of dollars refuses it.

    Raises:
        ConfigError: As `load_prices`.
        DataError: As `load_prices`.
    """

    def __init__(self, model: Model, prices: Prices | None = None) -> None:
        super().__init__(model)
        self.price = (load_prices() if prices is None else prices).find(model.name)
        """The row that holds for this model; `None` where there is none."""

    @property
    def price_known(self) -> bool:
        """Whether the dollars of its usage are what its calls cost."""
        return self.price is not None or super().price_known

    async def _ask(self, request: Request, ask: Ask) -> Reply:
        reply = await ask(request)
        if self.price is None:
            return reply
        usage = replace(reply.usage, dollars=self.price.dollars(reply.usage))
        return replace(reply, usage=usage)
