from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("trl", reason="trl is not installed: extra rl")

import torch
from tuning import teach, write_small

from forethought.agent.errors import ConfigError
from forethought.agent.types import Attempt
from forethought.valuefn.rl.episodes import Demonstration, Heard, Mark
from forethought.valuefn.rl.folder import read_log
from forethought.valuefn.rl.measure import measure_policy
from forethought.valuefn.rl.recipe import Optimiser, Sampling, check_recipe
from forethought.valuefn.rl.retries import (
    RetryQuestion,
    attempts_of,
    rate_values,
)
from forethought.valuefn.rl.rewards import Task, chosen_rewards
from forethought.valuefn.rl.roller import Setting
from forethought.valuefn.rl.rows import RECIPES
from forethought.valuefn.rl.run import Run
from forethought.valuefn.rl.store import read_rollouts
from forethought.valuefn.rl.tokens import Rollout, Span
from forethought.valuefn.rl.tuning import tune

TASK = Task("t", "6 * 7?", ("42",))


def test_an_answer_is_kept_or_tried_again() -> None:
    episode = RetryQuestion(TASK, 2, (Demonstration("1 + 1?", "<answer>2</answer><stop>"),))
    (asked,) = episode.begin()
    assert "You have 2 tries" in asked.content
    assert "Example Solution: <answer>2</answer><stop>" in asked.content
    assert asked.content.endswith("Actual Problem: 6 * 7?")
    again = episode.hear("<answer>4</answer><retry>")
    assert again == Heard("\n", (Mark(18, 25, Span.DECISION),))
    assert episode.hear("<answer>4</answer><retry>").given is None  # both tries were used
    kept = RetryQuestion(TASK, 2).hear("<answer>42</answer><stop>")
    assert kept == Heard(None, (Mark(19, 25, Span.DECISION),))
    assert RetryQuestion(TASK, 2).hear("42") == Heard()
    with pytest.raises(ConfigError, match="1 tries leave nothing to decide"):
        RetryQuestion(TASK, 1)
    with pytest.raises(ConfigError, match=r"sampling\.turns of at least 2"):
        check_recipe(replace(RECIPES["decision-sampling"], sampling=Sampling(turns=1)))


def _said(*turns: str) -> tuple[Attempt, ...]:
    return attempts_of(Rollout("t", (1,), (), (), (), (), turns), TASK)


def test_attempts_are_read_and_graded() -> None:
    assert _said("<answer>4</answer><retry>", "<answer> 42. </answer><stop>") == (
        Attempt("4", stop=False, correct=False),
        Attempt("42.", stop=True, correct=True),
    )
    (moot,) = _said("<answer>42</answer><retry>")
    assert moot == Attempt("42", stop=True, forced=True, correct=True)
    assert _said("no idea") == (Attempt("", stop=True, forced=True, correct=False),)
    values = rate_values([_said("<answer>4</answer><retry>", "<answer>42</answer><stop>")])
    assert (values["p_s/first"], values["p_s/later"], values["improved"]) == ([0.0], [1.0], [1.0])
    assert (values["stop_right"], values["retry_wrong"], values["harmed"]) == ([1.0], [1.0], [])
    assert set(rate_values([])) == set(values)


def test_a_training_tells_sampling_and_deciding_apart(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    base = write_small(tmp_path / "base")

    def play(task: Task, shown: Sequence[Demonstration]) -> RetryQuestion:
        return RetryQuestion(task, 3, shown, system="")

    asked = play(TASK, ()).begin()[0].content
    said = "<answer>42</answer><stop>|<answer>4</answer><retry>"
    teach(base, {asked: said}, steps=110)
    recipe = replace(
        RECIPES["decision-sampling"],
        steps=2,
        group=4,
        prompts=2,
        optimiser=Optimiser(learning_rate=1e-4),
        sampling=Sampling(turns=3, turn_tokens=30, completion_tokens=100),
        attribution=1,
    )
    tasks = {"t": TASK, "u": Task("u", "6 * 7?", ("42",))}
    setting = Setting(recipe, tasks, play, chosen_rewards(recipe.rewards), attempts=attempts_of)
    tune(base, setting, Run(tmp_path / "out", device="cpu", log_rollouts=1))
    rows = read_log(tmp_path / "out")
    assert all(0.0 <= row["decisions/p_s/first"] <= 1.0 for row in rows)
    assert "gradient/reward/decision" in rows[0]
    some = [row.rollout for row in read_rollouts(tmp_path / "out")]
    assert any(len(one.turns) > 1 for one in some)
    assert any(one.turns[-1].endswith("<stop>") for one in some)
    held = [Task(f"h{i}", "6 * 7?", ("42",)) for i in range(8)]
    figures, _ = measure_policy(base, setting, held, device="cpu")
    rates = figures.decisions
    assert rates is not None
    assert rates.questions == 8
    assert rates.stop_right.n > 0
    assert rates.stop_right.value == 1.0  # as it was taught
    assert rates.accuracy.value == pytest.approx(figures.rewards["exact"].value)
