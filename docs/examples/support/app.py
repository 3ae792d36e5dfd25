"""The same agent with a person as its customer: you, at this terminal.

    PYTHONPATH=docs/examples python -m support.app --head heads/support --seed 3

The world is the one it was trained in; only the customer is another. You also play the clerk who is
asked before much money is paid back. Every talk is kept, so that it can be learned from.
"""

import argparse
import asyncio
import os
from pathlib import Path

from forethought import load_critic, run_episode
from forethought.agent.errors import ForethoughtError
from forethought.agent.models.names import load_model
from forethought.agent.planners.rank import Rank
from forethought.agent.planners.react import React
from forethought.agent.trace import TraceWriter
from forethought.agent.types import Episode, Event, Trace
from forethought.tools.approval import Proposed
from support.customers import Case
from support.shop import Shop
from support.talk import WORLD, Talk

LOT = "function:support.proposer:answer"


class Person:
    """A customer at the terminal: an empty line leaves, thanks end the talk.

    Args:
        case: What was ordered; what you want is your own affair.
    """

    fair = None  # nobody can know

    def __init__(self, case: Case) -> None:
        self.content = False
        self.gone = False
        self._answers = 0
        self._number = case.order.number
        self._seen = (0, False)
        print(f"You wrote: {case.opening}")

    @property
    def mood(self) -> str:
        """By how often they had to answer; a person is not asked."""
        return "calm" if self._answers < 2 else "impatient" if self._answers < 4 else "angry"

    def wait(self, shop: Shop) -> str:
        """Money and parcels are noticed; what the agent looks up is not."""
        order = shop.order(self._number)
        had, self._seen = self._seen, (order.paid_back, order.sent_anew)
        if self._seen == had:
            return ""
        return self._read(f"({order.paid_back} euros are back, sent anew: {order.sent_anew})")

    def hear(self, text: str, shop: Shop) -> str:
        """Read an answer."""
        return self._read(f"Shop: {text}")

    def _read(self, shown: str) -> str:
        print(shown)
        self._answers += 1
        said = _read("You: ")
        self.content = said.lower().startswith("thank")
        self.gone = not said
        return said


def _read(prompt: str) -> str:
    """A line; empty at the end of the input."""
    try:
        return input(prompt).strip()
    except EOFError:
        return ""


def clerk(proposed: Proposed) -> bool | str:
    """Asks whoever sits here."""
    said = _read(
        f"[clerk] {proposed.tool} {dict(proposed.arguments)}, {proposed.why}. y or why not: "
    )
    return True if said.lower() in {"y", "yes"} else said or False


def hear(event: Event) -> None:
    """Show what the customer does not see."""
    if event.kind in {"thought", "fallback"}:
        print(f"  ({event.kind}: {event.text})")


def main(arguments: list[str] | None = None) -> Trace:
    """One talk, or the line that says why there is none."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default=LOT, help="builtin, gguf:FILE, openai:NAME, ...")
    parser.add_argument("--head", help="a trained head; without it the first thought is taken")
    parser.add_argument("--seed", type=int, default=0, help="which order it is about")
    parser.add_argument("--out", type=Path, default=Path("talks.jsonl"))
    typed = parser.parse_args(arguments)
    try:
        return talk_with(typed)
    except ForethoughtError as error:
        parser.exit(error.exit_code, f"error: {error}\n")


def talk_with(typed: argparse.Namespace) -> Trace:
    """Play what was typed."""
    planner = Rank(load_critic(typed.head), proposals=8) if typed.head else React()
    model = load_model(typed.model)
    episode = Episode(
        f"talk-{os.urandom(6).hex()}",
        WORLD.id,
        seed=typed.seed,
        instance=WORLD.splits["test"].start + typed.seed,
        arm=planner.name,
        model=model.name,
    )
    with TraceWriter(typed.out) as writer:
        talk = Talk(ask=clerk, customer=Person)
        trace = asyncio.run(
            run_episode(talk, planner, episode=episode, model=model, writer=writer, listen=hear)
        )
    for text in trace.outcome.reached if trace.outcome else ():
        print(text)
    return trace


if __name__ == "__main__":
    main()
