"""The `persuasion-v0` environment: a simulated donor behind text. It is never a person.

Labelled as simulated in the rules, in every observation, in every state, and as a fact of every
recorded step and outcome. `docs/persuasion.md` says what it must not be used for.
"""

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from forethought.agent.errors import ConfigError, UnknownName
from forethought.agent.types import Outcome
from forethought.envs.options import checked, read_number
from forethought.envs.persuasion.donors import TEMPERS, TRAINING, UNSEEN, donor_by_number
from forethought.envs.persuasion.oracle import Foresight
from forethought.envs.persuasion.policies import COLLECTORS, heuristic, people, unguided
from forethought.envs.persuasion.rules import LEVELS, Talk
from forethought.envs.persuasion.view import (
    ACTION_LIST,
    GOALS,
    LABEL,
    RULES,
    View,
    observe,
    parse_action,
    state_text,
    thoughts,
)
from forethought.envs.persuasion.words import reply, tone_of
from forethought.envs.registry import SPLITS, World

FACTS = {"simulated": True}
"""Goes with every step and every outcome."""


class Persuasion:
    """One agent before one simulated donor.

    Reward, on the last step only: what is given over two dollars, in [0, 1]. The action is one of
    `info["legal_actions"]`. `info["view"]` holds the same as a `View`, for hand-written policies;
    `info["oracle"]` knows the donor, for the critic `oracle` alone.
    """

    id = "persuasion-v0"

    def __init__(self) -> None:
        self._talk: Talk | None = None
        self._view = View()
        self._rng = random.Random(0)
        self._opponent = ""

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Begin a talk.

        Args:
            seed: Seeds the donor's tones and words, and chooses whatever the options leave open.
            options: `instance` (a number, see `donor_by_number`), `seat` (0), `opponent` (the
                donor's temper).

        Raises:
            UnknownName: If there is no such temper.
            ConfigError: If another option makes no sense.
        """
        self._talk = None
        options = checked(self.id, options)
        if read_number(options, "seat", int, 0) != 0:
            raise ConfigError(f"seat must be 0, not {options['seat']}")
        self._rng = random.Random(f"persuasion {seed}")
        anywhere = self._rng.randrange(len(SPLITS["train"]))
        number = read_number(options, "instance", int, anywhere)
        self._opponent = str(options.get("opponent") or self._rng.choice(TRAINING))
        if self._opponent not in TEMPERS:
            raise UnknownName("opponent", self._opponent, TEMPERS)
        self._talk = Talk(donor_by_number(number, self._opponent))
        self._view = View()
        return self._show(self._talk)

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Say something, and hear the simulated donor's answer."""
        talk = self._talk
        if talk is None or talk.over:
            raise ConfigError("call reset before step")
        try:
            act = parse_action(action)
        except ValueError as error:
            text, info = self._show(talk)
            refused = f"{text}\nThat is not possible: {error}."
            return refused, 0.0, False, False, info | {"invalid": True}
        done, moved = talk.act(act)
        self._hear(talk, act, done, moved)
        if talk.over:
            text, info = self._ending(talk)
            return text, info["outcome"].reward, True, False, info
        text, info = self._show(talk)
        return text, 0.0, False, False, info

    def _hear(self, talk: Talk, act: str, done: str, moved: int) -> None:
        """Put an act and the answer to it into the view."""
        view, rng = self._view, self._rng
        tone = tone_of(moved, rng) if done == "heard" else ""
        told = done == "objected" or talk.objecting or talk.settled
        self._view = replace(
            view,
            said=(*view.said, act),
            done=(*view.done, done),
            tones=(*view.tones, tone),
            replies=(*view.replies, reply(done, tone, talk.donor.objection, rng)),
            objection=talk.donor.objection if told else "",
            objecting=talk.objecting,
            promised=talk.promised,
            refused=talk.refused,
        )

    def _show(self, talk: Talk) -> tuple[str, dict[str, Any]]:
        view = self._view
        return observe(view), {
            "state": state_text(view),
            "candidates": thoughts(view),
            "legal_actions": ACTION_LIST,
            "goals": GOALS,
            "rules": RULES,
            "facts": FACTS,
            "view": view,
            "oracle": Foresight(talk),
        }

    def _ending(self, talk: Talk) -> tuple[str, dict[str, Any]]:
        level = talk.gift
        given = LEVELS[level]
        truths = [*(level >= each for each in range(1, len(LEVELS))), level == 0]
        told = [(goal.text, true) for goal, true in zip(GOALS, truths, strict=True)]
        outcome = Outcome(
            given / LEVELS[-1],
            success=level > 0,
            reached=tuple(text for text, true in told if true),
            missed=tuple(text for text, true in told if not true),
            facts={
                **FACTS,
                "donation": given,
                "promised": LEVELS[talk.promised],
                "turns": talk.turns,
                "left": talk.left,
            },
        )
        text = f"{LABEL} {self._view.replies[-1]} The simulated donor gives {given:g} dollars."
        return text, {"outcome": outcome, "goals": GOALS, "facts": FACTS}


WORLD = World(
    id="persuasion-v0",
    summary="A simulated donor, never a person, is asked for a part of its payment",
    make=Persuasion,
    success="the simulated donor gives something",
    unguided="any sentence, each as likely; never ends the talk",
    bots={"heuristic": heuristic, "unguided": unguided, "people": people},
    collectors=COLLECTORS,
    opponents=TRAINING,
    unseen=UNSEEN,
    oracle=True,
)
