import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl", reason="trl is not installed: extra rl")

import torch
from tuning import teach, write_small

from forethought.agent.errors import ConfigError, ToolError
from forethought.agent.types import Message
from forethought.envs.registry import get_world
from forethought.tools import python
from forethought.tools.function import tool
from forethought.valuefn.rl.card import load_card
from forethought.valuefn.rl.episodes import (
    Demonstration,
    Episode,
    Heard,
    Mark,
    Question,
    ToolQuestion,
    text_tool,
)
from forethought.valuefn.rl.inputs import play_world, world_tasks
from forethought.valuefn.rl.measure import measure_policy
from forethought.valuefn.rl.recipe import Loss, Optimiser, Recipe, Sampling, Stage
from forethought.valuefn.rl.rewards import Task, chosen_rewards, form
from forethought.valuefn.rl.roller import Setting
from forethought.valuefn.rl.rows import RECIPES
from forethought.valuefn.rl.run import Run
from forethought.valuefn.rl.store import read_rollouts
from forethought.valuefn.rl.tokens import Kind, Span
from forethought.valuefn.rl.tuning import tune
from forethought.valuefn.rl.worlds import WorldEpisode

TASKS = {f"t{i}": Task(f"t{i}", f"q{i}", (str(i),)) for i in range(4)}
FAST: dict[str, Any] = {
    "steps": 2,
    "group": 4,
    "prompts": 2,
    "optimiser": Optimiser(learning_rate=1e-3),
}


def _log(folder: Path) -> list[dict[str, float]]:
    rows = map(json.loads, (folder / "log.jsonl").read_text().splitlines())
    return [row for row in rows if "reward" in row]


def _look_up(request: str) -> str:
    if not request.startswith("k"):
        raise ToolError("no such key")
    return f"<answer>{request[1:]}</answer>"


def _with_tool(task: Task, shown: Sequence[Demonstration]) -> Episode:
    return ToolQuestion(task, {"search": _look_up}, shown, calls=2, system="")


def test_icrl_runs_its_stages_with_a_tool(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    base = write_small(tmp_path / "base", context=1024)
    shown = tuple(
        Demonstration(f"q{i}", f"<search>k{i}</search><answer>{i}</answer>") for i in (7, 8, 9)
    )
    says = {f"Problem: q{i}": f"<search>k{i}</search>" for i in range(4)}
    teach(base, says, steps=120)
    row = RECIPES["icrl"]
    recipe: Recipe = replace(
        row,
        **FAST,
        sampling=replace(row.sampling, turns=3, turn_tokens=24, completion_tokens=250),
        stages=(Stage(2, steps=1), Stage(0)),
    )
    rewards = chosen_rewards(recipe.rewards, {"format": form()})
    setting = Setting(recipe, TASKS, _with_tool, rewards, shown)
    tuned = tune(base, setting, Run(tmp_path / "out", device="cpu", log_rollouts=1))
    assert tuned.stage == 1
    rows = read_rollouts(tmp_path / "out")
    called = [row for row in rows if row.rollout.given]
    assert len(called) >= 3
    assert any("<answer>" in row.rollout.given[0] for row in called)
    for logged in called:
        one = logged.rollout
        assert one.given[0].startswith("\n\n<information>")
        inside = [
            trains
            for trains, kind in zip(logged.trains, one.kinds, strict=True)
            if kind == Kind.GIVEN
        ]
        assert inside
        assert not any(inside)
        call = {
            span for span, kind in zip(one.spans, one.kinds, strict=True) if kind == Kind.SAMPLED
        }
        assert Span.TOOL in call
        if "<answer>" not in one.text:  # what the tool found earns nothing by itself
            assert one.rewards["exact"] == 0.0
            assert one.rewards["format"] <= 0.5
    card = load_card(tmp_path / "out")
    assert card.stop == ("</search>", "</answer>")
    assert card.tool_format["tools"] == "search"
    assert "<information>{result}</information>" in card.tool_format["result"]
    asked = card.request("q3").messages
    assert asked == tuple(_with_tool(TASKS["t3"], ()).begin())
    log = _log(tmp_path / "out")
    assert [row["demonstrations"] for row in log] == [2, 0]
    assert {"rewards/exact/mean", "rewards/format/mean", "kl"} <= set(log[0])


class KeepOrRetry:
    """Two letters and then a decision, `!` to keep and anything else to try again."""

    stop: tuple[str, ...] = ()

    def __init__(self, task: Task) -> None:
        self._task = task

    def begin(self) -> Sequence[Message]:
        return (Message("user", self._task.question),)

    def hear(self, text: str) -> Heard:
        return Heard(None if text.endswith("!") else "", (Mark(2, 3, Span.DECISION),))

    @property
    def outcome(self) -> float | None:
        return None


def test_decision_sampling_tells_gradients_apart(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    base = write_small(tmp_path / "base")
    recipe = replace(
        RECIPES["decision-sampling"],
        **FAST,
        loss=Loss(reduce="constant", scale="none", beta=0.1),
        rewards={"own": 1.0},
        sampling=Sampling(turns=3, turn_tokens=3, completion_tokens=12),
        attribution=1,
    )
    rewards = chosen_rewards(recipe.rewards, {"own": lambda said, task: len(said.text) % 2})
    setting = Setting(recipe, TASKS, lambda task, shown: KeepOrRetry(task), rewards)
    tune(base, setting, Run(tmp_path / "out", device="cpu", log_rollouts=1, part=4))
    first, second = _log(tmp_path / "out")
    for term in ("reward", "sft", "kl"):
        assert f"gradient_per_token/{term}/decision" in second
        assert f"gradient/{term}/tool" not in second
    assert first["gradient/kl/sample"] < 1e-5 < second["gradient/kl/sample"]
    assert first["gradient/sft/sample"] > first["gradient/sft/decision"] > 0
    assert first["turns"] > 2
    spans = read_rollouts(tmp_path / "out")[0].rollout.spans
    assert spans[:6] == (Span.SAMPLE, Span.SAMPLE, Span.DECISION) * 2


def test_a_policy_is_measured_by_itself(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    base = write_small(tmp_path / "base")
    teach(base, {f"q{i}": "1|2" for i in range(4)}, steps=60)
    recipe = replace(RECIPES["grpo"], rewards={"whole": 1.0}, sampling=Sampling(turn_tokens=4))
    setting = Setting(
        recipe,
        TASKS,
        lambda task, shown: Question(task, shown, bare=True),
        chosen_rewards(recipe.rewards),
    )
    tasks = list(TASKS.values())
    figures, rollouts = measure_policy(base, setting, tasks, each=20, seed=3, device="cpu")
    by_task = [
        sum(one.rewards["whole"] for one in rollouts if one.task == f"t{i}") for i in range(4)
    ]
    assert by_task[0] == by_task[3] == 0
    assert 4 <= by_task[1] <= 16
    assert 4 <= by_task[2] <= 16
    found = figures.rewards["whole"]
    assert found.value == pytest.approx(sum(by_task) / 80)
    assert found.low <= found.value <= found.high
    assert (figures.tasks, figures.rollouts) == (4, 80)
    assert figures.tokens == pytest.approx(2.0, abs=0.5)
    again, _ = measure_policy(base, setting, tasks, each=20, seed=3, device="cpu")
    assert again == figures
    with pytest.raises(ConfigError, match="2 tasks or more"):
        measure_policy(base, setting, tasks[:1], device="cpu")


@tool
def shout(words: str) -> str:
    """Say it loudly.

    Args:
        words: What to say.
    """
    return words.upper()


@tool
def add(left: int, right: int) -> int:
    """Add.

    Args:
        left: One.
        right: The other.
    """
    return left + right


def test_a_typed_function_is_called_by_a_tag() -> None:
    assert text_tool(shout)("hey") == "HEY"
    with pytest.raises(ConfigError, match=r"'add' cannot be called by a tag: .* has left, right"):
        text_tool(add)
    episode = ToolQuestion(TASKS["t0"], {"shout": text_tool(shout)})
    heard = episode.hear("<shout>hey</shout>")
    assert heard.given == "\n\n<information>HEY</information>\n\n"


def test_python_is_called_by_a_tag_and_keeps_nothing() -> None:
    pytest.importorskip("pydantic_monty", reason="the sandbox is not installed: extra python")
    episode = ToolQuestion(TASKS["t0"], {"python": text_tool(python())}, calls=3)
    heard = episode.hear("<python>x = 6 * 7\nprint(x)</python>")
    assert "<information>42" in (heard.given or "")
    assert "NameError" in (episode.hear("<python>print(x)</python>").given or "")


def test_a_world_gives_tasks() -> None:
    world = get_world("bargaining-v0")
    tasks = world_tasks(world, 6)
    assert list(tasks)[:2] == ["bargaining-v0/0", "bargaining-v0/1"]
    assert len({task.data["options"]["opponent"] for task in tasks.values()}) > 1
    episode = play_world(world)(tasks["bargaining-v0/1"], ())
    assert isinstance(episode, WorldEpisode)
    system, user = episode.begin()
    assert (system.role, user.role) == ("system", "user")
    assert 'the fields "thought"' in user.content
    with pytest.raises(ConfigError, match="shows no demonstrations"):
        play_world(world)(tasks["bargaining-v0/1"], (Demonstration("q", "a"),))
