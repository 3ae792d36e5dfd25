"""The talk as a world: `world:support.talk` for `play`, `bench`, `view` and `audit`.

One agent with the tools of the shop, one customer. An action is a call of a tool, or what is said
to the customer (`answer: ...`). It ends when the customer is content or gone, when a colleague
takes over, or after ten turns. The customer is simulated unless another is given: `support.app`
puts a person in its place and leaves everything else as it is.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from forethought.agent.actions import Answer, as_action, parse_tool_action
from forethought.agent.errors import ConfigError
from forethought.agent.protocols import RunContext
from forethought.agent.toolbox import Toolbox
from forethought.agent.types import Candidate, Observation, Outcome, Scalar
from forethought.envs.options import checked, read_number
from forethought.envs.registry import World
from forethought.tools.approval import Ask
from support import thoughts
from support.customers import MONEY, NEWS, Case, Simulated, draw_case
from support.notes import (
    GOALS,
    HANDED_OVER,
    LEAVES,
    RULES,
    SOLVED,
    TOO_MUCH,
    TURNS,
    View,
    state_text,
    transcript,
)
from support.shop import Shop, shop_tools, supervisor


class Customer(Protocol):
    """Who writes to the shop."""

    content: bool

    @property
    def fair(self) -> float | None:
        """The least that had to be paid, euros; `None` where nobody can know."""

    @property
    def gone(self) -> bool:
        """Whether they left."""

    @property
    def mood(self) -> str:
        """How they sound, in a word."""

    def wait(self, shop: Shop) -> str:
        """What is said, if anything, while the agent does something unseen."""

    def hear(self, text: str, shop: Shop) -> str:
        """What is said to what the agent says."""


class Talk:
    """One talk. Reward, on the last step only: the signed weights of how it ended.

    Args:
        ask: Approves refunds; the shop's rule by default.
        customer: Makes the other side of a case.
    """

    id = "support-v0"

    def __init__(
        self, ask: Ask = supervisor, customer: Callable[[Case], Customer] = Simulated
    ) -> None:
        self._box = Toolbox(shop_tools(ask))
        self._makes_customer = customer
        self._shop: Shop | None = None

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Begin a talk; option `instance` chooses the case, else the seed does."""
        options = checked(self.id, options)
        self._close()
        self._case = draw_case(random.Random(read_number(options, "instance", int, seed or 0)))
        self._shop = Shop()
        self._shop.add(self._case.order, self._case.units)
        self._customer = self._makes_customer(self._case)
        self._turn, self._told = 1, list[str]()
        self._said = [f"Customer: {self._case.opening}"]
        return self._show(self._shop)

    async def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Call tools, or say something.

        Raises:
            ConfigError: If no talk is under way.
        """
        shop = self._shop
        if shop is None:
            raise ConfigError("call reset before step")
        parsed = parse_tool_action(as_action(action, self._box.names), self._box.names)
        if isinstance(parsed, str) or not action.strip():
            text, info = self._show(shop)
            refused = f"{text}\nThat is not possible: {parsed}. {self._box.forms}"
            return refused, 0.0, False, False, info | {"invalid": True}
        facts: dict[str, Scalar] = {}
        if isinstance(parsed, Answer):
            self._said.append(f"You: {parsed.text}")
            self._told.append(thoughts.kind_of(parsed.text))
            reply = self._customer.hear(parsed.text, shop)
        else:
            context = RunContext(shop, step=self._turn - 1, tools=tuple(self._box.tools.values()))
            results = await self._box.call_all(parsed, context)
            for call, result in zip(parsed, results, strict=True):
                self._said.append(f"({call.name}) {result.text}")
            facts["tool"] = ", ".join(call.name for call in parsed)
            facts["failed"] = any(result.failed for result in results)
            if notes := "; ".join(note for each in results for note in each.notes):
                facts["notes"] = notes
            reply = self._customer.wait(shop)
        if reply:
            self._said.append(f"Customer: {reply}")
        self._turn += 1
        if self._customer.content or self._customer.gone or shop.tickets() or self._turn > TURNS:
            return self._end(shop)
        text, info = self._show(shop)
        return text, 0.0, False, False, info | {"facts": facts}

    def _show(self, shop: Shop) -> tuple[str, dict[str, Any]]:
        view = self._view(shop)
        return transcript(view), {
            **self._box.info,
            "state": state_text(view),
            "rules": RULES,
            "goals": GOALS,
            "view": view,
        }

    def _view(self, shop: Shop) -> View:
        order = shop.order(self._case.order.number)
        units = shop.units(order.item) if shop.stock_seen(order.item) else None
        if not order.looked_up:
            order = replace(order, euros=0, status="", day="")
        told = tuple(dict.fromkeys(self._told))
        return View(self._turn, tuple(self._said), self._customer.mood, order, units, told)

    def _end(self, shop: Shop) -> tuple[str, float, bool, bool, dict[str, Any]]:
        order, handed = shop.order(self._case.order.number), bool(shop.tickets())
        cost = order.paid_back + order.euros / 2 * order.sent_anew
        solved = self._customer.content and not handed
        fair = self._customer.fair
        too_much = fair is not None and cost > fair
        truths = {SOLVED: solved, HANDED_OVER: handed, LEAVES: not solved and not handed}
        if fair is not None:
            truths[TOO_MUCH] = too_much
        outcome = Outcome(
            sum(goal.signed_weight for goal, true in truths.items() if true),
            solved and not too_much,
            reached=tuple(goal.text for goal, true in truths.items() if true),
            missed=tuple(goal.text for goal, true in truths.items() if not true),
            facts={"solved": solved, "handed_over": handed, "too_much": too_much, "euros": cost},
        )
        text = transcript(self._view(shop))
        self._close()
        return text, outcome.reward, True, False, {"outcome": outcome, "goals": GOALS}

    def _close(self) -> None:
        if self._shop is not None:
            self._shop.close()
        self._shop = None


def rule_of_thumb(observation: Observation, rng: random.Random) -> Candidate:
    """What a careful script does: look, learn the wish, then the cheapest thing that meets it."""
    view: View = observation.info["view"]
    thought = _next(view)
    return Candidate(thought, action=thoughts.carry_out(thought, observation.text))


def _next(view: View) -> str:
    order = view.order
    if not order.looked_up:
        return thoughts.LOOK
    if order.status in {"on its way", "at the neighbour's"} and "the news" not in view.told:
        return thoughts.TELL
    if order.status == "at the neighbour's":
        return thoughts.HAND_OVER
    if not view.wish or view.wish == NEWS:
        return thoughts.ASK if "a question" not in view.told else thoughts.HAND_OVER
    if view.wish == MONEY:
        return thoughts.HALF if not order.paid_back else thoughts.WHOLE
    if view.units is None:
        return thoughts.STOCK
    return thoughts.ANEW if view.units and not order.sent_anew else thoughts.WHOLE


WORLD = World(
    id=Talk.id,
    summary="A support agent with tools over a data base, and a customer that is simulated",
    make=Talk,
    success="the customer's problem is solved at no more cost than it took",
    unguided="the first thought of the model, carried out",
    bots={"heuristic": rule_of_thumb},
)
