"""`refine`: planning with a natural-language critic (PNLC, arXiv 2505.18098), without search.

Thought, imagined goals, estimates, critique in words, refine or accept, action. Model calls a
decision: at most 3 + 2 x rounds, the summary of the state included, and at most one repair for each
stage, counted apart.

Departures from the paper, whose prompts and code are not public:

1. All goals are imagined in one call, repeats are removed and missing ones asked for once. Where a
   world states its outcomes, goals are chosen among them or mapped to them, and they fill up what
   is missing, because that is where a head has data.
2. Estimates carry intervals. Where none is supported, or they are undecided, the plain thought is
   carried out and the decision says why; where they are clear, refinement is skipped.
3. Asking the critic about the refined thought costs no model call, so it is asked: a refined
   thought with supported and lower estimates than the one it replaces is not taken.
4. `adaptive`: a round is spent only while the best thought's score interval overlaps the
   runner-up's. Each round names another thought, at one call; goals are the world's where it
   states some, and stay from round to round.
5. Where the world binds thoughts to actions, thoughts are chosen among those it offers, and the
   chosen one needs no call to act.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from forethought.agent.critics import bound, estimates
from forethought.agent.errors import BudgetExhausted, ConfigError
from forethought.agent.parsing import Verdict, read_verdict
from forethought.agent.planners.critique import (
    KEPT,
    doubt,
    in_words,
    is_clear,
    is_contested,
    is_supported,
    weigh,
)
from forethought.agent.planners.desk import Desk
from forethought.agent.planners.imagine import Imagination, imagine
from forethought.agent.planners.moves import SHOWN, Moves
from forethought.agent.planners.refine_prompts import Prompts
from forethought.agent.planners.stages import (
    ACT_TOKENS,
    act,
    fallback_action,
    fallback_candidate,
    listed,
    one_of,
    propose,
    schema_of,
    sentence,
    situation,
)
from forethought.agent.planners.wording import Match, Same, same_words
from forethought.agent.protocols import Turn, ValueFunction
from forethought.agent.types import (
    Candidate,
    Considered,
    Decision,
    Estimate,
    Event,
    Goal,
    PrefixMode,
)


@dataclass(slots=True)
class _Plan:
    """What is decided so far; whatever stops the decision, this much is kept."""

    thoughts: list[Candidate] = field(default_factory=list)
    """Every thought so far, the first one first."""
    chosen: Candidate | None = None
    goals: tuple[Goal, ...] = ()
    rows: list[list[Estimate]] = field(default_factory=list)
    """Estimates of each thought for the goals of the last round."""
    critique: str = ""
    rounds: int = 0
    fallback: str = ""
    action: str | None = None
    prefix_mode: PrefixMode = "none"


class Refine:
    """A thought, improved by what a critic says of its futures.

    Args:
        critic: Says how likely the imagined futures are.
        rounds: Most refinements of one decision.
        hoped: Good futures to imagine.
        feared: Bad futures to imagine.
        closed: Whether the schema holds the model to the world's own outcomes, where it states any
            of the kind; otherwise what it writes is mapped to them.
        match: Maps imagined goals to the world's outcome vocabulary; by words where none is given.
        same: Whether two goals mean the same; equal words always do.
        insist: Whether the model has to name another thought each time, among the moves it has not
            named yet; the critic alone then says which is better. For models too small to judge.
        adaptive: Whether a further round is spent only while the two best thoughts' score intervals
            overlap, and always then, up to `rounds`; implies `insist`. Goals are the world's where
            it states some, else imagined once.
        prefix: Behaviour under which the action is worded where the world fixes none.
        shown: Most moves listed in a prompt.
        act_tokens: Longest action the model may word, tokens.
        prompts: The prompts.
        name: The arm's name.

    Raises:
        ConfigError: If a number cannot work.
    """

    def __init__(
        self,
        critic: ValueFunction,
        rounds: int = 1,
        hoped: int = 2,
        feared: int = 2,
        *,
        closed: bool = True,
        match: Match | None = None,
        same: Same | None = None,
        insist: bool = False,
        adaptive: bool = False,
        prefix: str = "",
        shown: int = SHOWN,
        act_tokens: int = ACT_TOKENS,
        prompts: Prompts | None = None,
        name: str = "refine",
    ) -> None:
        if rounds < 1 or min(hoped, feared) < 0 or hoped + feared < 1 or shown < 1:
            raise ConfigError(
                f"refine: rounds ({rounds}) and shown ({shown}) must be 1 or more, hoped ({hoped}) "
                f"and feared ({feared}) 0 or more and not both 0"
            )
        self.name = name
        self._critic = critic
        self._rounds = rounds
        self._imagination = Imagination(hoped, feared, closed, match, same)
        self._insist = insist or adaptive
        self._adaptive = adaptive
        self._prefix = prefix
        self._shown = shown
        self._act_tokens = act_tokens
        self._prompts = prompts or Prompts()

    async def decide(self, turn: Turn) -> Decision:
        """Think, weigh, refine and act; a budget that runs out on the way ends with what there is.

        Raises:
            BudgetExhausted: If not even a first thought could be had.
        """
        desk, plan = Desk(turn, self.name, self._prompts.repair), _Plan()
        critic = bound(self._critic, desk)
        try:
            await self._think(desk, plan)
            for _ in range(self._rounds):
                if not await self._round(desk, plan, critic):
                    break
            if plan.chosen is not None:
                plan.action, plan.prefix_mode = await act(
                    desk, plan.chosen, self._prompts.act, self._act_tokens
                )
        except BudgetExhausted as error:
            if plan.chosen is None:
                raise
            self._fall_back(turn, plan, f"budget: {error}")
        return self._decision(desk, plan)

    async def _think(self, desk: Desk, plan: _Plan) -> None:
        """The first thought."""
        moves = Moves(desk.turn.observation, shown=self._shown, legal=False)
        answer = await propose(desk, moves, self._prompts.propose, self._prefix)
        plan.chosen = answer.value or fallback_candidate(desk.turn.observation, answer.text)
        plan.thoughts.append(plan.chosen)
        desk.turn.emit(Event("thought", plan.chosen.thought))
        if answer.value is None:
            self._fall_back(desk.turn, plan, "no thought could be read")

    async def _round(self, desk: Desk, plan: _Plan, critic: ValueFunction) -> bool:
        """One critique and what follows from it; false when the thought stands."""
        turn, current = desk.turn, plan.chosen
        if current is None or plan.fallback:
            return False
        goals = (plan.goals or turn.observation.goals) if self._adaptive else ()
        goals = goals or await self._imagine(desk, current)
        if not goals:
            if not plan.rounds:
                self._fall_back(turn, plan, "no goals could be read")
            return False
        if goals != plan.goals:
            rows = await estimates(critic, turn.state, plan.thoughts, goals)
            plan.goals, plan.rows = goals, rows
        row = plan.rows[plan.thoughts.index(current)]
        plan.critique = in_words(goals, row)
        turn.emit(Event("goals", "\n".join(goal.text for goal in goals), plan.goals))
        turn.emit(Event("critique", plan.critique, plan.goals, tuple(row)))
        reason = doubt(row)
        if reason and not plan.rounds:
            self._fall_back(turn, plan, reason)
        if reason or is_clear(goals, row):
            return False
        named = len(plan.thoughts)
        taken = await self._improve(desk, plan, critic, current)
        if not self._adaptive:
            return taken
        fresh = len(plan.thoughts) > named
        return fresh and is_contested(goals, weigh(plan.thoughts, goals, plan.rows))

    async def _imagine(self, desk: Desk, thought: Candidate) -> tuple[Goal, ...]:
        return tuple(await imagine(desk, thought.thought, self._prompts.goals, self._imagination))

    async def _improve(
        self, desk: Desk, plan: _Plan, critic: ValueFunction, current: Candidate
    ) -> bool:
        """Refine or accept; true when another thought was taken."""
        seen, near = desk.turn.observation, current.thought
        if self._insist:
            fresh = tuple(c for c in seen.candidates if c not in plan.thoughts)
            if not fresh and any(c.action is not None for c in seen.candidates):
                return False
            seen = replace(seen, candidates=fresh)
        moves = Moves(seen, shown=self._shown, near=near, legal=False)
        better = await self._verdict(desk, plan, current, moves)
        if better is None or better in plan.thoughts:
            return False
        row = (await estimates(critic, desk.turn.state, [better], plan.goals))[0]
        plan.thoughts.append(better)
        plan.rows.append(row)
        ranked = weigh(plan.thoughts, plan.goals, plan.rows)
        less = _score_of(ranked, better) < _score_of(ranked, current)
        if less if is_supported(row) else self._insist:
            told = f"the thought stands; the critic gives less to: {better.thought}"
            desk.turn.emit(Event("kept", told, plan.goals, tuple(row)))
            return False
        plan.chosen = better
        desk.turn.emit(Event("refined", better.thought, plan.goals, tuple(row)))
        return True

    async def _verdict(
        self, desk: Desk, plan: _Plan, current: Candidate, moves: Moves
    ) -> Candidate | None:
        """The better thought; `None` when the first is accepted, or the reply cannot be read."""

        def read(text: str) -> tuple[tuple[Verdict, Candidate | None] | None, str]:
            verdict = read_verdict(text)
            if isinstance(verdict, str):
                return None, verdict
            if verdict.accept or not moves:
                return (verdict, Candidate(verdict.thought, current.prefix)), ""
            move = moves.find(verdict.thought)
            return ((verdict, move) if move else None), "the thought is none of those listed"

        answer = await desk.ask(
            "refine",
            self._prompts.refine.format(
                situation=situation(desk.turn),
                moves=listed(moves) or _weighed(plan.thoughts, current),
                thought=current.thought,
                critique=plan.critique,
            ),
            read,
            schema=schema_of(
                {
                    "verdict": one_of(["refine"] if self._insist else ["accept", "refine"]),
                    "thought": one_of(moves.labels) if moves else sentence(),
                }
            ),
        )
        plan.rounds += 1
        if answer.value is None or answer.value[0].accept:
            return None
        better = answer.value[1]
        return None if better and _repeats(better, current) else better

    def _fall_back(self, turn: Turn, plan: _Plan, reason: str) -> None:
        plan.fallback = reason
        turn.emit(Event("fallback", reason))

    def _decision(self, desk: Desk, plan: _Plan) -> Decision:
        chosen = plan.chosen or Candidate("")
        considered = weigh(plan.thoughts[: len(plan.rows)], plan.goals, plan.rows)
        action = plan.action
        return Decision(
            chosen,
            fallback_action(desk.turn.observation, chosen) if action is None else action,
            self.name,
            goals=plan.goals,
            considered=tuple(considered[:KEPT]),
            weighed=len(plan.thoughts),
            critique=plan.critique,
            first_thought=plan.thoughts[0].thought if plan.thoughts[0] != chosen else "",
            rounds=plan.rounds,
            fallback=plan.fallback,
            prefix_mode=plan.prefix_mode,
            repairs=desk.repairs,
            repeats=desk.repeats,
        )


def _weighed(thoughts: Sequence[Candidate], current: Candidate) -> str:
    """Thoughts that lost, as a paragraph of a prompt; empty where there are none."""
    lines = "\n".join(f"- {each.thought}" for each in thoughts if each != current)
    return f"Plans already weighed that are no better:\n{lines}\n\n" if lines else ""


def _repeats(one: Candidate, other: Candidate) -> bool:
    """Whether two thoughts lead to the same: equal words, and the same action where bound."""
    return (
        same_words(one.thought, other.thought)
        and (one.prefix, one.action) == (other.prefix, other.action)
    )  # fmt: skip


def _score_of(weighed: Sequence[Considered], candidate: Candidate) -> float:
    return next(each.score or 0.0 for each in weighed if each.candidate == candidate)
