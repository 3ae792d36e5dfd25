"""`tree`: search over plans, after LATS (arXiv 2310.04406); what planning without it is held to.

A node is a plan: the thoughts from the state to it. An iteration selects a leaf by upper confidence
bound (UCT), expands it by one call that names several next thoughts, has the critic weigh them in
one question, and backs the best of their scores up the tree. The first thought of the branch most
visited is carried out.

Departures from the paper:

1. Nothing is tried out in the world: worlds cannot be set back in general. A deeper node is its
   plan in words. The critic is asked about the state with one more line,
   `Plan so far: THOUGHT Then: THOUGHT`, and the model is shown the same line in its prompt.
2. A leaf's value is the critic's score of its goals, in place of the model's mark for the
   trajectory. The critic `asked` has the model say it, one call an expansion; `tree+asked` is the
   arm nearest to the paper. The paper's mark for self-consistency is left out.
3. In place of the reward at the end of a simulation from the best child, its score is backed up.
4. There are no reflections, since no trajectory fails. `reflexion` has them.

Iterations end at an ended node where the model names no further thought that can be read, the
critic can say nothing about any of them, or the plan is as long as it may be: the node's value is
backed up again, at no cost. Falls back as `rank` does, where the root's own thoughts cannot be
judged. Model calls a decision: one an iteration, 1 for goals where the world states none, 1 to act
where the thought is bound to no action, at most one repair for each of these three stages, and what
the critic asks for itself.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from forethought.agent.critics import bound, estimates
from forethought.agent.errors import BudgetExhausted, ConfigError
from forethought.agent.planners.choosing import Choice, conclude, judge, several
from forethought.agent.planners.critique import is_supported, score, weights_of
from forethought.agent.planners.desk import REPAIR, Desk, check_template
from forethought.agent.planners.imagine import GOALS_FIELDS, GOALS_PROMPT, Imagination
from forethought.agent.planners.moves import SHOWN, Moves
from forethought.agent.planners.stages import (
    ACT_PROMPT,
    ACT_TOKENS,
    fallback_candidate,
    listed,
    shortlist_text,
    situation,
)
from forethought.agent.planners.tree_nodes import ROOT, Nodes
from forethought.agent.planners.wording import Match, Same
from forethought.agent.protocols import Turn, ValueFunction
from forethought.agent.types import Candidate, Decision

TREE_PROMPT = """\
{situation}

{moves}{plan}Name {count} different things you could do {when}, each with its reason, one sentence \
each; begin each with "I".
Reply with a JSON object with the list "thoughts"."""

RECORDED = 256
"""Most nodes of a tree that a decision keeps: those most visited."""


class Tree:
    """Search over plans; any critic says what they are worth.

    With a model, all thoughts are the model's, chosen among the world's where it binds thoughts to
    actions. Without one they are the world's candidates: at the root all are weighed and the best
    searched on, below it they are drawn.

    Args:
        critic: Scores plans.
        iterations: Selections, each with one expansion and one question to the critic.
        width: Thoughts an expansion asks for.
        depth: Thoughts on the longest plan.
        exploration: Weight of the bonus for branches seldom visited, 0 or more, as a share of the
            widest possible gap between two scores.
        match: As for `Rank`.
        same: As for `Rank`.
        shown: Most moves listed in a prompt.
        act_tokens: Longest action the model may word, tokens.
        tree_prompt: Template with `{situation}`, `{plan}`, `{moves}`, `{count}` and `{when}`.
        goals_prompt: As for `Rank`.
        act_prompt: As for `Rank`.
        repair: Template of what is said about a reply that cannot be read, with `{problem}`.
        name: The arm's name.

    Raises:
        ConfigError: If a number cannot work or a template has unknown fields.
    """

    def __init__(
        self,
        critic: ValueFunction,
        iterations: int = 30,
        *,
        width: int = 5,
        depth: int = 10,
        exploration: float = 1.0,
        match: Match | None = None,
        same: Same | None = None,
        shown: int = SHOWN,
        act_tokens: int = ACT_TOKENS,
        tree_prompt: str = TREE_PROMPT,
        goals_prompt: str = GOALS_PROMPT,
        act_prompt: str = ACT_PROMPT,
        repair: str = REPAIR,
        name: str = "tree",
    ) -> None:
        if min(iterations, width, depth) < 1 or exploration < 0:
            raise ConfigError(
                f"tree: iterations ({iterations}), width ({width}) and depth ({depth}) must be 1 "
                f"or more, exploration ({exploration}) 0 or more"
            )
        self.name = name
        self._repair = check_template("repair", repair, ("problem",))
        self._critic = critic
        self._iterations = iterations
        self._imagination = Imagination(match=match, same=same)
        self._width = width
        self._depth = depth
        self._exploration = exploration
        self._shown = shown
        self._act_tokens = act_tokens
        self._tree_prompt = check_template(
            "tree", tree_prompt, ("situation", "plan", "moves", "count", "when")
        )
        self._goals_prompt = check_template("goals", goals_prompt, GOALS_FIELDS)
        self._act_prompt = check_template(
            "act", act_prompt, ("situation", "thought", "moves", "form")
        )

    async def decide(self, turn: Turn) -> Decision:
        """Search, and carry out the first thought of the best plan.

        A budget that runs out during the search ends it with the tree so far.

        Raises:
            ModelError: If the model failed for good.
            BudgetExhausted: If not one thought could be had.
        """
        desk = Desk(turn, self.name, self._repair)
        critic = bound(self._critic, desk)
        thinker = _Thinker(desk, self._width, self._shown, self._tree_prompt)
        choice = await thinker.first()
        nodes = Nodes(self._depth)
        if not choice.fallback:
            await judge(desk, critic, choice, self._goals_prompt, self._imagination)
        if not choice.fallback:
            # out of budget, the tree so far is the best there is; its root's visits tell its size
            with suppress(BudgetExhausted):
                await self._search(critic, thinker, choice, nodes)
            choice.chosen = nodes.best()
        decision = await conclude(desk, self.name, choice, self._act_prompt, self._act_tokens)
        return replace(decision, search=nodes.record(RECORDED) if len(nodes) > 1 else ())

    async def _search(
        self, critic: ValueFunction, thinker: "_Thinker", choice: Choice, nodes: Nodes
    ) -> None:
        """Grow the tree from the root's thoughts, already weighed; that was the first iteration."""
        goals = choice.goals
        weights = weights_of(goals, [each.estimates for each in choice.weighed])
        exploration = self._exploration * sum(map(abs, weights))
        best = [each for each in choice.weighed if is_supported(each.estimates)][: self._width]
        nodes.grow(
            ROOT,
            [each.candidate for each in best],
            [score(weights, each.estimates) for each in best],
        )
        nodes.back_up(ROOT, nodes.values[ROOT + 1])
        for _ in range(self._iterations - 1):
            leaf = nodes.select(exploration)
            value = nodes.values[leaf]
            if not nodes.ended[leaf]:
                plan = nodes.plan(leaf)
                candidates = await thinker.next(plan)
                rows = await estimates(critic, f"{thinker.state}\n{_told(plan)}", candidates, goals)
                kept = [i for i, row in enumerate(rows) if is_supported(row)]
                if kept:
                    values = [score(weights, rows[i]) for i in kept]
                    nodes.grow(leaf, [candidates[i] for i in kept], values)
                    value = max(values)
                nodes.ended[leaf] = not kept
            nodes.back_up(leaf, value)


def _told(plan: Sequence[str]) -> str:
    return f"Plan so far: {' Then: '.join(plan)}"


class _Thinker:
    """Names the thoughts that a plan may go on with.

    Args:
        desk: Asks.
        width: Thoughts wanted.
        match: As for `Rank`.
        same: As for `Rank`.
        shown: Most moves listed in a prompt.
        prompt: Template as for `Tree`.
    """

    def __init__(self, desk: Desk, width: int, shown: int, prompt: str) -> None:
        seen = desk.turn.observation
        self.state = desk.turn.state
        self._desk = desk
        self._width = width
        self._seen = seen
        self._moves = Moves(seen, shown=shown, legal=False)
        self._ideas = {c.thought: c for c in reversed(seen.candidates) if c.action is None}
        self._prompt = prompt
        self._situation = situation(desk.turn)
        self._listed = listed(self._moves) or shortlist_text(seen) or listed(Moves(seen))

    async def first(self) -> Choice:
        """Thoughts about the state, at least one."""
        if self._desk.turn.model is None and self._seen.candidates:
            return Choice(self._seen.candidates)
        found, text = await self._ask("", "now")
        if found:
            return Choice(found)
        plain = fallback_candidate(self._seen, text)
        return Choice([plain], fallback="no thought could be read")

    async def next(self, plan: Sequence[str]) -> Sequence[Candidate]:
        """Thoughts to go on with after a plan; none where none can be read."""
        if self._desk.turn.model is None:
            offered = self._seen.candidates
            return self._desk.turn.rng.sample(offered, min(self._width, len(offered)))
        return (await self._ask(f"{_told(plan)}\n\n", "next"))[0]

    async def _ask(self, plan: str, when: str) -> tuple[Sequence[Candidate], str]:
        """The thoughts the model names, and its last reply."""
        prompt = self._prompt.format(
            situation=self._situation,
            plan=plan,
            moves=self._listed,
            count=self._width,
            when=when,
        )
        answer = await several(self._desk, prompt, self._width, self._moves.labels)
        thoughts = answer.value or []
        if not self._moves:
            return [self._ideas.get(t) or Candidate(t) for t in thoughts], answer.text
        named = [self._moves.find(thought) for thought in thoughts]
        return list(dict.fromkeys(move for move in named if move)), answer.text
