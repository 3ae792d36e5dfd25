import json
import math
from collections.abc import Sequence
from typing import Any

import pytest

from forethought.agent.budget import Budget, Meter
from forethought.agent.critics import ScriptedCritic, Shuffled
from forethought.agent.errors import ConfigError
from forethought.agent.loop import run_episode
from forethought.agent.models.scripted import FunctionModel, ScriptedModel
from forethought.agent.planners.rank import Rank
from forethought.agent.planners.tree import RECORDED, Tree
from forethought.agent.trace import TraceWriter, read_traces
from forethought.agent.types import Candidate, Episode, Estimate, Event, Goal, Request
from forethought.envs.signpost import WORLD

GOALS = (Goal("I win.", weight=2.0), Goal("I lose.", "feared"))


def thoughts(*texts: str) -> str:
    return json.dumps({"thoughts": texts})


def hash_of(text: str) -> float:
    return (sum(map(ord, text)) * 7919 % 1009) / 1008


def varied(state: str, candidate: Candidate, goal: Goal) -> float:
    return hash_of(state[-40:] + candidate.thought + goal.text)


class Thinks:
    """Names five thoughts, other ones each time."""

    def __init__(self, width: int = 5) -> None:
        self.requests: list[Request] = []
        self._width = width

    def __call__(self, request: Request) -> str:
        self.requests.append(request)
        if request.stage == "act":
            return "go"
        if request.stage == "goals":
            return json.dumps({"hoped": ["A b.", "C d."], "feared": ["E f.", "G h."]})
        number = len(self.requests)
        return thoughts(*(f"I do {number}-{n}." for n in range(self._width)))

    def stages(self) -> list[str]:
        return [request.stage for request in self.requests]


@pytest.mark.parametrize("iterations", [1, 2, 30, 100])
async def test_an_iteration_is_one_expansion_and_one_evaluation(turn: Any, iterations: int) -> None:
    thinks, critic = Thinks(), ScriptedCritic(varied)
    decision = await Tree(critic, iterations).decide(turn(FunctionModel(thinks), goals=GOALS))
    assert thinks.stages() == ["propose"] * iterations + ["act"]
    assert len(critic.queries) == iterations
    assert decision.search[0].visits == iterations
    assert len(decision.search) == min(RECORDED, 1 + 5 * iterations)
    assert decision.weighed == 5
    assert (decision.action, decision.planner, decision.fallback) == ("go", "tree", "")
    assert max(len(critic.queries[n][1]) for n in range(iterations)) == 5


async def test_deeper_plans_are_told_to_model_and_critic(turn: Any) -> None:
    model = ScriptedModel(
        [
            thoughts("I ask.", "I wait."),
            thoughts("I thank them.", "I go."),
            thoughts("I smile.", "I nod."),
            "hello",
        ]
    )
    liked = {"I ask.": 0.9, "I thank them.": 0.95}
    critic = ScriptedCritic(lambda s, c, g: liked.get(c.thought, 0.2))
    planner = Tree(critic, 3, exploration=0.0)
    decision = await planner.decide(turn(model, goals=(Goal("I win."),)))
    said = [request.messages[-1].content for request in model.requests]
    assert "Plan so far" not in said[0]
    assert "could do now" in said[0]
    assert "The state.\n\nNow: They wait.\n\nPlan so far: I ask.\n\nName 5" in said[1]
    assert "could do next" in said[1]
    assert "Plan so far: I ask. Then: I thank them.\n\n" in said[2]
    assert [state for state, _, _ in critic.queries] == [
        "The state.",
        "The state.\nPlan so far: I ask.",
        "The state.\nPlan so far: I ask. Then: I thank them.",
    ]
    assert decision.candidate.thought == "I ask."
    assert [(n.parent, n.thought, n.visits) for n in decision.search] == [
        (-1, "", 3),
        (0, "I ask.", 3),
        (0, "I wait.", 1),
        (1, "I thank them.", 2),
        (1, "I go.", 1),
        (3, "I smile.", 1),
        (3, "I nod.", 1),
    ]
    assert decision.search[1].value == pytest.approx((0.9 + 0.95 + 0.2) / 3)


async def test_what_comes_later_changes_the_choice(turn: Any) -> None:
    """The thought that looks best leads nowhere; `rank` takes it, the tree does not."""

    def answer(request: Request) -> str:
        text = request.messages[-1].content
        if request.stage == "act":
            return "done"
        return thoughts("I bluff.", "I tell.") if "so far" not in text else thoughts("I go on.")

    def chance(state: str, candidate: Candidate, goal: Goal) -> float:
        if "Plan so far: I bluff." in state:
            return 0.05
        if "Plan so far: I tell." in state:
            return 0.9
        return {"I bluff.": 0.6, "I tell.": 0.5}[candidate.thought]

    seen = turn(FunctionModel(answer), goals=(Goal("I win."),))
    plain = await Rank(ScriptedCritic(chance), proposals=2).decide(seen)
    looked = await Tree(ScriptedCritic(chance)).decide(seen)
    assert plain.candidate.thought == "I bluff."
    assert looked.candidate.thought == "I tell."


async def test_the_worlds_moves_bound_the_models_thoughts(
    turn: Any, moves: Any, world_goals: Any
) -> None:
    def answer(request: Request) -> str:
        assert request.schema
        items = request.schema["properties"]["thoughts"]
        assert items["items"]["enum"] == [move.thought for move in moves]
        assert (items["minItems"], items["maxItems"]) == (3, 3)
        return thoughts("I accept their offer.", "I offer two books.", "I accept their offer.")

    critic = ScriptedCritic(
        lambda s, c, g: 0.9 if ("two" in c.thought) == (g.kind == "hoped") else 0.1
    )
    decision = await Tree(critic, 6).decide(
        turn(FunctionModel(answer), candidates=moves, goals=world_goals)
    )
    assert decision.action == "offer 2"
    assert decision.weighed == 2
    assert {n.thought for n in decision.search[1:]} == {
        "I accept their offer.",
        "I offer two books.",
    }


async def test_without_a_model_all_candidates_are_weighed_and_the_best_searched_on(
    turn: Any,
) -> None:
    many = tuple(Candidate(f"I take {n}.", action=str(n)) for n in range(60))
    critic = ScriptedCritic(lambda s, c, g: int(c.action or 0) / 60)
    seen = turn(None, candidates=many, goals=(Goal("I win."),))
    decision = await Tree(critic, 20, width=3).decide(seen)
    assert decision.action in {"59", "58", "57"}
    assert [len(query[1]) for query in critic.queries] == [60] + [3] * 19
    assert [n.thought for n in decision.search if n.parent == 0] == [
        "I take 59.",
        "I take 58.",
        "I take 57.",
    ]
    assert (decision.weighed, len(decision.considered)) == (60, 8)


async def test_one_iteration_is_rank(turn: Any, moves: Any, world_goals: Any) -> None:
    seen = turn(None, candidates=moves, goals=world_goals)
    one, rank = [
        await p.decide(seen)
        for p in (Tree(ScriptedCritic(varied), 1), Rank(ScriptedCritic(varied)))
    ]
    assert (one.candidate, one.considered) == (rank.candidate, rank.considered)


async def test_goals_are_imagined_where_the_world_states_none(turn: Any) -> None:
    thinks = Thinks()
    decision = await Tree(ScriptedCritic(varied), 3).decide(turn(FunctionModel(thinks)))
    assert thinks.stages() == ["propose", "goals", "propose", "propose", "act"]
    assert len(decision.goals) == 4


async def test_doubts_and_garbage_end_it_early(turn: Any, moves: Any, events: list[Event]) -> None:
    thinks = Thinks()
    decision = await Tree(ScriptedCritic({})).decide(turn(FunctionModel(thinks), goals=GOALS))
    assert thinks.stages() == ["propose", "act"]
    assert "no estimate is supported" in decision.fallback
    assert (decision.candidate.thought, decision.search) == ("I do 1-0.", ())
    garbage = ScriptedModel(["{"], cycle=True)
    decision = await Tree(ScriptedCritic(varied)).decide(
        turn(garbage, candidates=moves, goals=GOALS)
    )
    assert (decision.action, decision.repairs) == ("offer 1", 1)
    assert decision.fallback == "no thought could be read"
    assert len(garbage.requests) == 2
    assert [e.kind for e in events].count("fallback") == 2


async def test_where_the_critic_knows_the_present_alone_the_tree_stays_flat(turn: Any) -> None:
    def now(state: str, candidate: Candidate, goal: Goal) -> float | Estimate:
        if "Plan so far" in state:
            return Estimate(0.99, 0, 1, supported=False)
        return hash_of(candidate.thought)

    thinks = Thinks()
    decision = await Tree(ScriptedCritic(now)).decide(turn(FunctionModel(thinks), goals=GOALS[:1]))
    assert thinks.stages() == ["propose"] * 6 + ["act"]  # each of the five tried once
    assert decision.search[0].visits == 30
    assert len(decision.search) == 6
    assert decision.candidate == decision.considered[0].candidate


async def test_unreadable_further_thoughts_end_their_branch(turn: Any) -> None:
    model = FunctionModel(
        lambda r: (
            "go"
            if r.stage == "act"
            else "{"
            if "so far" in r.messages[0].content
            else thoughts("I a.", "I b.")
        )
    )
    decision = await Tree(ScriptedCritic(varied), 10).decide(turn(model, goals=GOALS))
    assert decision.search[0].visits == 10
    assert len(decision.search) == 3
    assert decision.repairs == 1


async def test_a_budget_that_runs_out_leaves_the_tree_so_far(turn: Any) -> None:
    meter = Meter(FunctionModel(Thinks()), Budget(calls=7))
    decision = await Tree(ScriptedCritic(varied)).decide(turn(meter, goals=GOALS))
    assert decision.search[0].visits == 7
    assert decision.candidate.thought in {n.thought for n in decision.search if n.parent == 0}
    assert decision.fallback == "budget: all 7 calls are used"  # no call was left to act


async def test_scores_are_those_of_the_goals_the_critic_knows_at_the_root(turn: Any) -> None:
    def chance(state: str, candidate: Candidate, goal: Goal) -> float | Estimate:
        if goal.kind == "feared" and "Plan" not in state:
            return Estimate(0.9, 0, 1, supported=False)
        return 0.5

    decision = await Tree(ScriptedCritic(chance), 5).decide(
        turn(FunctionModel(Thinks()), goals=GOALS)
    )
    assert {n.value for n in decision.search} == {1.0}  # 2.0 x 0.5; the feared one counts nowhere


async def test_big_trees_are_recorded_in_part_and_survive_a_file(turn: Any, tmp_path: Any) -> None:
    path = tmp_path / "t.jsonl"
    planner = Tree(ScriptedCritic(varied), 400)
    with TraceWriter(path) as writer:
        trace = await run_episode(
            WORLD.make(), planner, episode=Episode("e", WORLD.id), writer=writer
        )
    (again,) = read_traces(path).traces
    assert again == trace
    search = again.steps[0].decision.search
    assert search[0].visits == 400
    assert len(search) == RECORDED
    assert all(search[n.parent].visits >= n.visits for n in search[1:])


async def test_guidance_helps_and_dealing_it_wrongly_does_not() -> None:
    def knows(state: str, candidate: Candidate, goal: Goal) -> float:
        left = any(colour in state for colour in ("red", "green", "black"))
        return float((candidate.prefix == "Left.") == left)

    async def mean(critic: Any) -> float:
        rewards = []
        for seed in range(20):
            episode = Episode(f"e{seed}", WORLD.id, seed, instance=seed)
            trace = await run_episode(WORLD.make(), Tree(critic, 10), episode=episode)
            rewards.append(trace.outcome.reward if trace.outcome else 0.0)
        return sum(rewards) / len(rewards)

    assert await mean(ScriptedCritic(knows)) == 1.0
    assert await mean(Shuffled(ScriptedCritic(knows))) < 0.5


@pytest.mark.parametrize(
    "wrong", [{"iterations": 0}, {"width": 0}, {"depth": 0}, {"exploration": -1.0}]
)
def test_numbers_that_cannot_work(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="must be 1 or more"):
        Tree(ScriptedCritic(varied), **wrong)


async def test_goals_of_no_weight_break_nothing(turn: Any) -> None:
    goals: Sequence[Goal] = (Goal("x", weight=0.0),)
    decision = await Tree(ScriptedCritic(varied), 9).decide(
        turn(FunctionModel(Thinks()), goals=goals)
    )
    assert all(math.isfinite(n.value) for n in decision.search)


async def test_without_a_model_or_candidates(turn: Any) -> None:
    with pytest.raises(ConfigError, match="'tree' needs a model here"):
        await Tree(ScriptedCritic(varied)).decide(turn(goals=GOALS))
    with pytest.raises(ConfigError, match="prompt tree has unknown fields"):
        Tree(ScriptedCritic(varied), tree_prompt="{oops}")
