"""`rank`: the critic scores every candidate, the best one is carried out.

A candidate's score is the sum of signed goal weights times chances; ties go to the first. Calls a
decision: none where the world offers candidates with actions and states its goals; else one to
propose, one for goals, one to act, each with at most one repair.

Falls back to the first candidate, and says why, where there are no goals or no estimate is
supported. That is the world's plain thought where it orders its candidates, and the model's first
proposal elsewhere.
"""

from collections.abc import Sequence

from forethought.agent.critics import estimates
from forethought.agent.errors import BudgetExhausted, ConfigError
from forethought.agent.parsing import read_list
from forethought.agent.planners.critique import KEPT, UNSUPPORTED, is_supported, weigh
from forethought.agent.planners.desk import Desk, check_template
from forethought.agent.planners.imagine import (
    GOALS_FIELDS,
    GOALS_PROMPT,
    Imagination,
    imagine,
)
from forethought.agent.planners.stages import (
    ACT_PROMPT,
    ACT_TOKENS,
    act,
    fallback_action,
    fallback_candidate,
    schema_of,
    sentence,
    situation,
)
from forethought.agent.protocols import Turn, ValueFunction
from forethought.agent.types import (
    Candidate,
    Considered,
    Decision,
    Event,
    Goal,
    PrefixMode,
)

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
        act_tokens: Longest action the model may word, tokens.
        proposals_prompt: Template with `{situation}` and `{count}`.
        goals_prompt: Template with `{situation}`, `{thought}`, `{hoped}`, `{feared}` and
            `{vocabulary}`.
        act_prompt: Template with `{situation}`, `{thought}`, `{moves}` and `{form}`.
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
        act_tokens: int = ACT_TOKENS,
        proposals_prompt: str = PROPOSALS_PROMPT,
        goals_prompt: str = GOALS_PROMPT,
        act_prompt: str = ACT_PROMPT,
        name: str = "rank",
    ) -> None:
        if proposals < 1:
            raise ConfigError(f"rank: proposals must be 1 or more, not {proposals}")
        self.name = name
        self._critic = critic
        self._count = proposals
        self._act_tokens = act_tokens
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
        desk = Desk(turn, self.name)
        candidates = turn.observation.candidates or await self._propose(desk)
        goals: Sequence[Goal] = ()
        weighed: list[Considered] = []
        fallback = ""
        try:
            goals = turn.observation.goals or await self._imagine(desk, candidates[0])
            rows = await estimates(self._critic, turn.state, candidates, goals)
            weighed = weigh(candidates, goals, rows)
            fallback = _doubt(goals, weighed)
        except BudgetExhausted as error:
            fallback = f"budget: {error}"
        chosen = candidates[0] if fallback else weighed[0].candidate
        turn.emit(Event("thought", chosen.thought))
        if goals and weighed:
            best = next(each for each in weighed if each.candidate == chosen)
            turn.emit(Event("goals", "", tuple(goals), best.estimates))
        if fallback:
            turn.emit(Event("fallback", fallback))
        action, mode, stopped = await self._act(desk, chosen)
        return Decision(
            chosen,
            action,
            self.name,
            goals=tuple(goals),
            considered=tuple(weighed[:KEPT]),
            weighed=len(candidates),
            fallback=fallback or stopped,
            prefix_mode=mode,
            repairs=desk.repairs,
        )

    async def _propose(self, desk: Desk) -> tuple[Candidate, ...]:
        """Several thoughts in one call, each under every prefix."""

        def read(text: str) -> tuple[list[str] | None, str]:
            thoughts = read_list(text, "thoughts")[: self._count]
            return (thoughts or None), "there is no list of thoughts"

        items = {
            "type": "array",
            "items": sentence(),
            "minItems": self._count,
            "maxItems": self._count,
        }
        answer = await desk.ask(
            "propose",
            self._proposals_prompt.format(situation=situation(desk.turn), count=self._count),
            read,
            schema=schema_of({"thoughts": items}),
            max_tokens=64 + 64 * self._count,
        )
        thoughts = answer.value or [fallback_candidate(desk.turn.observation, answer.text).thought]
        return tuple(Candidate(t, prefix) for t in thoughts for prefix in self._prefixes)

    async def _imagine(self, desk: Desk, candidate: Candidate) -> Sequence[Goal]:
        """Goals from the model, for a world that states none; none without a model."""
        if desk.turn.model is None:
            return ()
        return await imagine(desk, candidate.thought, self._goals_prompt, Imagination())

    async def _act(self, desk: Desk, chosen: Candidate) -> tuple[str, PrefixMode, str]:
        """The action, how its prefix came about, and why it was not worded, if it was not."""
        try:
            return *await act(desk, chosen, self._act_prompt, self._act_tokens), ""
        except BudgetExhausted as error:
            return fallback_action(desk.turn.observation, chosen), "none", f"budget: {error}"


def _doubt(goals: Sequence[Goal], weighed: Sequence[Considered]) -> str:
    """Why the scores are no guide, in words; empty when they are one."""
    if not goals:
        return "there are no goals to score by"
    if not any(is_supported(each.estimates) for each in weighed):
        return f"no estimate is supported: {UNSUPPORTED}"
    return ""
