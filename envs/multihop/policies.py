"""Policies written by hand for the questions, and the varied ones that heads learn from."""

import random
from collections.abc import Callable

from forethought.agent.types import Candidate, Observation
from forethought.envs.collectors import straying
from forethought.envs.multihop.hunt import Hunt
from forethought.envs.registry import Bot

Choose = Callable[[Hunt, list[Candidate]], Candidate]
_FROM_PASSAGE = ("I search for a name met", "I search for the title")


def unguided(observation: Observation, rng: random.Random) -> Candidate:
    """Any listed candidate, each as likely."""
    return rng.choice(observation.candidates)


def repeat(observation: Observation, rng: random.Random) -> Candidate:
    """The whole question every time: its hits from the first on, page after page."""
    return observation.candidates[0]


def bridge(observation: Observation, rng: random.Random) -> Candidate:
    """The whole question, then the lead from a passage that looks best by rule of thumb."""
    return next(iter(_leads(observation)), observation.candidates[0])


def by_title(observation: Observation, rng: random.Random) -> Candidate:
    """The whole question, then titles of passages with the rest of the question."""
    leads = _leads(observation)
    titles = [each for each in leads if each.thought.startswith(_FROM_PASSAGE[1])]
    return next(iter(titles or leads), observation.candidates[0])


def any_lead(observation: Observation, rng: random.Random) -> Candidate:
    """The whole question, then any lead from a passage, good ones more often."""
    leads = _leads(observation)
    if not leads:
        return observation.candidates[0]
    return leads[min(int(rng.expovariate(1 / 5)), len(leads) - 1)]


def _leads(observation: Observation) -> list[Candidate]:
    return [each for each in observation.candidates if each.thought.startswith(_FROM_PASSAGE)]


def _then_answer(search: Bot) -> Bot:
    """A searching policy that answers, as looks best by rule of thumb, when no search is left."""

    def act(observation: Observation, rng: random.Random) -> Candidate:
        hunt: Hunt = observation.info["view"]
        asked = [each for each in observation.candidates if _is_answer(each)]
        if not hunt.left:
            return asked[0]
        searches = tuple(each for each in observation.candidates if not _is_answer(each))
        return search(Observation("", candidates=searches, info=observation.info), rng)

    return act


def _is_answer(candidate: Candidate) -> bool:
    return (candidate.action or "").startswith("answer ")


bridge_and_answer = _then_answer(bridge)
repeat_and_answer = _then_answer(repeat)
FINDERS: tuple[Bot, ...] = (
    unguided,
    *(
        straying(way, stray, unguided)
        for stray in (0.1, 0.3)
        for way in (bridge, by_title, any_lead)
    ),
    straying(repeat, 0.5, unguided),
)
"""Careful and careless searchers, for `multihop-find-v0`."""
COLLECTORS: tuple[Bot, ...] = (
    unguided,
    *(straying(_then_answer(way), 0.3, unguided) for way in (bridge, by_title, any_lead, unguided)),
)
"""Likewise for `multihop-qa-v0`, where they answer."""
