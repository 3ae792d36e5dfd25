"""`rank`: the critic scores every candidate, the best one is carried out.

A candidate's score is the sum of signed goal weights times chances; ties go to the first. Calls a
decision: none where the world offers candidates with actions and states its goals; else one to
propose, one for goals, one to act, each with at most one repair.

Falls back to the first candidate, and says why, where there are no goals or no estimate is
supported. That is the world's plain thought where it orders its candidates, and the model's first
proposal elsewhere.
"""

from collections.abc import Sequence

from forethought.agent.critics import bound
from forethought.agent.errors import ConfigError
from forethought.agent.planners.choosing import Choice, conclude, judge, several
from forethought.agent.planners.desk import REPAIR, Desk, check_template
from forethought.agent.planners.imagine import GOALS_FIELDS, GOALS_PROMPT, Imagination
from forethought.agent.planners.stages import (
    ACT_PROMPT,
    ACT_TOKENS,
    fallback_candidate,
    situation,
)
from forethought.agent.planners.wording import Match, Same
from forethought.agent.protocols import Turn, ValueFunction
from forethought.agent.types import Candidate, Decision

PROPOSALS_PROMPT = """\
{situation}

Name {count} different things you could do now, each with its reason, one sentence each; begin \
each with "I".
Reply with a JSON object with the list "thoughts"."""


class Rank:
    """Value picks among candidates.

    Args:
        critic: Scores them.
        proposals: Candidates to ask the model for where the world offers none.
        prefixes: Behaviours to cross the model's proposals with; empty for none.
        match: Maps imagined goals to a world's outcomes; by words where none is given.
        same: Whether two imagined goals mean the same; equal words always do.
        act_tokens: Longest action the model may word, tokens.
        proposals_prompt: Template with `{situation}` and `{count}`.
        goals_prompt: Template with `{situation}`, `{thought}`, `{hoped}`, `{feared}` and
            `{vocabulary}`.
        act_prompt: Template with `{situation}`, `{thought}`, `{moves}` and `{form}`.
        repair: Template of what is said about a reply that cannot be read, with `{problem}`.
        name: The arm's name.

    Raises:
        ConfigError: If `proposals` is below 1 or a template has unknown fields.
    """

    def __init__(
        self,
        critic: ValueFunction,
        *,
        proposals: int = 4,
        prefixes: Sequence[str] = (),
        match: Match | None = None,
        same: Same | None = None,
        act_tokens: int = ACT_TOKENS,
        proposals_prompt: str = PROPOSALS_PROMPT,
        goals_prompt: str = GOALS_PROMPT,
        act_prompt: str = ACT_PROMPT,
        repair: str = REPAIR,
        name: str = "rank",
    ) -> None:
        if proposals < 1:
            raise ConfigError(f"rank: proposals must be 1 or more, not {proposals}")
        self.name = name
        self._repair = check_template("repair", repair, ("problem",))
        self._critic = critic
        self._count = proposals
        self._act_tokens = act_tokens
        self._imagination = Imagination(match=match, same=same)
        self._prefixes = tuple(prefixes) or ("",)
        self._proposals_prompt = check_template(
            "proposals", proposals_prompt, ("situation", "count")
        )
        self._goals_prompt = check_template("goals", goals_prompt, GOALS_FIELDS)
        self._act_prompt = check_template(
            "act", act_prompt, ("situation", "thought", "moves", "form")
        )

    async def decide(self, turn: Turn) -> Decision:
        """Score the candidates and carry out the best."""
        desk = Desk(turn, self.name, self._repair)
        critic = bound(self._critic, desk)
        choice = Choice(turn.observation.candidates or await self._propose(desk))
        await judge(desk, critic, choice, self._goals_prompt, self._imagination)
        return await conclude(desk, self.name, choice, self._act_prompt, self._act_tokens)

    async def _propose(self, desk: Desk) -> tuple[Candidate, ...]:
        """Several thoughts in one call, each under every prefix."""
        prompt = self._proposals_prompt.format(situation=situation(desk.turn), count=self._count)
        answer = await several(desk, prompt, self._count)
        thoughts = answer.value or [fallback_candidate(desk.turn.observation, answer.text).thought]
        return tuple(Candidate(t, prefix) for t in thoughts for prefix in self._prefixes)
