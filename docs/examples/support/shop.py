"""The shop: a data base and the tools by which an agent reads and changes it.

Knows nothing of agents, of customers, or of how a talk ends. In a shop of your own this is the file
that you have already.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from forethought import RunContext, ToolError, tool
from forethought.agent.protocols import Tool
from forethought.tools.approval import Ask, Proposed, approved

FREE_HAND = 20
"""Euros that an agent may pay back without asking."""
_TABLES = """
CREATE TABLE orders (
    number INTEGER PRIMARY KEY, item TEXT, euros INTEGER, status TEXT, day TEXT,
    looked_up INTEGER DEFAULT 0, paid_back INTEGER DEFAULT 0, sent_anew INTEGER DEFAULT 0);
CREATE TABLE stock (item TEXT PRIMARY KEY, units INTEGER, looked_up INTEGER DEFAULT 0);
CREATE TABLE tickets (number INTEGER PRIMARY KEY, bought INTEGER, about TEXT);
"""
STATUS = {
    "on its way": "on its way, arrives on {day}",
    "lost": "lost by the carrier",
    "delivered": "delivered on {day}",
    "at the neighbour's": "delivered on {day}, left with a neighbour",
}
"""What may have become of an order, and how it is told."""


@dataclass(frozen=True, slots=True)
class Order:
    """One row of the orders."""

    number: int
    item: str
    euros: int
    status: str
    day: str
    looked_up: bool = False
    """Whether the agent has seen the row."""
    paid_back: int = 0
    """Euros."""
    sent_anew: bool = False

    @property
    def told(self) -> str:
        """What has become of it, in words."""
        return STATUS[self.status].format(day=self.day)


class Shop:
    """A data base in memory; give a path to keep one.

    Args:
        path: Where SQLite keeps it.
    """

    def __init__(self, path: str = ":memory:") -> None:
        self._db = sqlite3.connect(path)
        self._db.executescript(_TABLES)

    def close(self) -> None:
        """Let go of the data base."""
        self._db.close()

    def add(self, order: Order, units: int) -> None:
        """Put an order in, and what of its item is in stock."""
        row = (order.number, order.item, order.euros, order.status, order.day)
        with self._db:
            self._db.execute(
                "INSERT INTO orders (number, item, euros, status, day) VALUES (?, ?, ?, ?, ?)", row
            )
            self._db.execute("INSERT INTO stock (item, units) VALUES (?, ?)", (order.item, units))

    def order(self, number: int) -> Order:
        """The order of that number.

        Raises:
            ToolError: If there is none.
        """
        row = self._db.execute("SELECT * FROM orders WHERE number = ?", (number,)).fetchone()
        if row is None:
            raise ToolError(f"there is no order {number}")
        number, item, euros, status, day, seen, paid_back, anew = row
        return Order(number, item, euros, status, day, bool(seen), paid_back, bool(anew))

    def units(self, item: str) -> int:
        """How many are in stock.

        Raises:
            ToolError: If the shop has no such item.
        """
        row = self._db.execute("SELECT units FROM stock WHERE item = ?", (item,)).fetchone()
        if row is None:
            known = [name for (name,) in self._db.execute("SELECT item FROM stock")]
            raise ToolError(f"there is no item {item!r}; there is {', '.join(known)}")
        return int(row[0])

    def stock_seen(self, item: str) -> bool:
        """Whether the agent has looked at the stock of an item."""
        row = self._db.execute("SELECT looked_up FROM stock WHERE item = ?", (item,)).fetchone()
        return bool(row and row[0])

    def tickets(self) -> int:
        """How many talks were handed over."""
        return int(self._db.execute("SELECT count(*) FROM tickets").fetchone()[0])

    def write(self, statement: str, *values: object) -> None:
        """Change something."""
        with self._db:
            self._db.execute(statement, values)


@tool(inline=True)
def look_up_order(context: RunContext[Shop], number: int) -> str:
    """Looks up what was ordered, what it cost and where it is.

    Args:
        number: Number of the order.
    """
    order = context.deps.order(number)
    context.deps.write("UPDATE orders SET looked_up = 1 WHERE number = ?", number)
    return f"order {number}: {order.item}, {order.euros} euros, {order.told}"


@tool(inline=True)
def check_stock(context: RunContext[Shop], item: str) -> str:
    """Says how many of an item are in stock.

    Args:
        item: Its name, as in the order.
    """
    units = context.deps.units(item)
    context.deps.write("UPDATE stock SET looked_up = 1 WHERE item = ?", item)
    return f"{item}: {units} in stock"


@tool(inline=True)
def refund(context: RunContext[Shop], number: int, euros: int) -> str:
    """Pays money back.

    Args:
        number: Number of the order.
        euros: How much.
    """
    order = context.deps.order(number)
    if not 0 < euros <= order.euros - order.paid_back:
        raise ToolError(f"between 1 and {order.euros - order.paid_back} euros can be paid back")
    context.deps.write(
        "UPDATE orders SET paid_back = paid_back + ? WHERE number = ?", euros, number
    )
    return f"{euros} euros are paid back"


@tool(inline=True)
def send_anew(context: RunContext[Shop], number: int) -> str:
    """Sends the item of an order once more, at no cost to the customer.

    Args:
        number: Number of the order.
    """
    order = context.deps.order(number)
    if order.sent_anew:
        raise ToolError("a new one is on its way already")
    if not context.deps.units(order.item):
        context.deps.write("UPDATE stock SET looked_up = 1 WHERE item = ?", order.item)
        raise ToolError(f"{order.item} is out of stock")
    context.deps.write("UPDATE stock SET units = units - 1 WHERE item = ?", order.item)
    context.deps.write("UPDATE orders SET sent_anew = 1 WHERE number = ?", number)
    return f"a new {order.item} is on its way"


@tool(inline=True)
def open_ticket(context: RunContext[Shop], number: int, about: str) -> str:
    """Hands the talk over to a colleague and ends it.

    Args:
        number: Number of the order.
        about: What the colleague should know.
    """
    context.deps.order(number)
    context.deps.write("INSERT INTO tickets (bought, about) VALUES (?, ?)", number, about)
    return "a colleague takes over"


def shop_tools(ask: Ask) -> list[Tool]:
    """All tools; `ask` is asked before more than a little money is paid back.

    Args:
        ask: Says yes or no; a person of the shop, or a rule.
    """
    paying = approved(refund, ask, when=_when_much)
    return [look_up_order, check_stock, paying, send_anew, open_ticket]


def _when_much(context: RunContext[Any], arguments: Mapping[str, Any]) -> str:
    euros = arguments.get("euros")
    if isinstance(euros, int) and euros <= FREE_HAND:
        return ""
    return f"more than {FREE_HAND} euros are paid back"


async def supervisor(proposed: Proposed) -> bool | str:
    """The rule of this shop, in place of a person: nothing for orders that nobody looked at."""
    number = proposed.arguments.get("number")
    known = isinstance(number, int) and proposed.context.deps.order(number).looked_up
    return True if known else "look the order up first"
