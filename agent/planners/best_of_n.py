"""`best-of-n`: n thoughts sampled one by one, the critic picks among them.

What PNLC's ablation calls "no refinement". Where there is a model it is asked n times for one
thought, all at once; without one, n of the world's candidates are drawn. What follows is `rank`:
the same scores, ties, doubts and fallback, the first thought sampled being the plain one.

Model calls a decision: n to propose, 1 for goals where the world states none, 1 to act where the
thought is bound to no action, and at most one repair for each of these three stages.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import Any

from forethought.agent.errors import BudgetExhausted, ConfigError, ModelError
from forethought.agent.planners.desk import REPAIR, Answer, Desk, check_template
from forethought.agent.planners.imagine import GOALS_PROMPT
from forethought.agent.planners.moves import SHOWN, Moves
from forethought.agent.planners.rank import Rank
from forethought.agent.planners.stages import (
    ACT_PROMPT,
    ACT_TOKENS,
    PROPOSE_PROMPT,
    fallback_candidate,
    propose,
)
from forethought.agent.planners.wording import Match, Same
from forethought.agent.protocols import Turn, ValueFunction
from forethought.agent.types import Candidate, Decision, Event


class BestOfN:
    """The best of n sampled thoughts.

    Args:
        critic: Scores them.
        n: Thoughts to sample; repeats are scored once.
        match: As for `Rank`.
        same: As for `Rank`.
        shown: Most moves listed in a prompt.
        act_tokens: Longest action the model may word, tokens.
        propose_prompt: Template with `{situation}` and `{moves}`.
        goals_prompt: As for `Rank`.
        act_prompt: As for `Rank`.
        repair: Template of what is said about a reply that cannot be read, with `{problem}`.
        name: The arm's name.

    Raises:
        ConfigError: If `n` is below 1 or a template has unknown fields.
    """

    def __init__(
        self,
        critic: ValueFunction,
        n: int = 8,
        *,
        match: Match | None = None,
        same: Same | None = None,
        shown: int = SHOWN,
        act_tokens: int = ACT_TOKENS,
        propose_prompt: str = PROPOSE_PROMPT,
        goals_prompt: str = GOALS_PROMPT,
        act_prompt: str = ACT_PROMPT,
        repair: str = REPAIR,
        name: str = "best-of-n",
    ) -> None:
        if n < 1:
            raise ConfigError(f"best-of-n: n must be 1 or more, not {n}")
        self.name = name
        self._repair = check_template("repair", repair, ("problem",))
        self._n = n
        self._shown = shown
        self._propose_prompt = check_template("propose", propose_prompt, ("situation", "moves"))
        self._rank = Rank(
            critic,
            match=match,
            same=same,
            act_tokens=act_tokens,
            goals_prompt=goals_prompt,
            act_prompt=act_prompt,
            name=name,
        )

    async def decide(self, turn: Turn) -> Decision:
        """Sample, score and carry out the best.

        Raises:
            ModelError: If not one thought could be had.
            BudgetExhausted: If not one thought could be had within the budget.
        """
        sampled, fallback, repairs = await self._sample(turn)
        if fallback:
            turn.emit(Event("fallback", fallback))
        seen = replace(turn.observation, candidates=tuple(dict.fromkeys(sampled)))
        decision = await self._rank.decide(replace(turn, observation=seen))
        return replace(
            decision,
            fallback=decision.fallback or fallback,
            repairs=decision.repairs + repairs,
        )

    async def _sample(self, turn: Turn) -> tuple[Sequence[Candidate], str, int]:
        """The thoughts, why there is but a plain one if so, and the repairs made."""
        seen = turn.observation
        if turn.model is None and seen.candidates:
            count = min(self._n, len(seen.candidates))
            return turn.rng.sample(seen.candidates, count), "", 0
        # replies written at the same time cannot be heard one by one
        desk = Desk(replace(turn, live=False), self.name, self._repair)
        moves = Moves(seen, shown=self._shown, legal=False)
        answers = await _whole([propose(desk, moves, self._propose_prompt) for _ in range(self._n)])
        thoughts = [answer.value for answer in answers if answer.value is not None]
        if thoughts:
            return thoughts, "", desk.repairs
        return [fallback_candidate(seen, answers[0].text)], "no thought could be read", desk.repairs


async def _whole(
    asked: Sequence[Coroutine[Any, Any, Answer[Candidate]]],
) -> list[Answer[Candidate]]:
    """The answers that came, in the order asked; one call that fails does not void the others.

    Raises:
        ModelError: If none came, as the first call.
        BudgetExhausted: If none came, as the first call.
    """
    results = await asyncio.gather(*asked, return_exceptions=True)
    answers = [each for each in results if isinstance(each, Answer)]
    failures = [each for each in results if isinstance(each, BaseException)]
    for failure in failures:
        if not answers or not isinstance(failure, ModelError | BudgetExhausted):
            raise failure
    return answers
