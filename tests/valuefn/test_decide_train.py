from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from forethought.valuefn.reproduce.decide_plan import GRADE, QUICK, START, Job, arm_of, recipe_of
from forethought.valuefn.reproduce.decide_signal import sample_logprobs, squared_signals
from forethought.valuefn.reproduce.decide_train import do
from forethought.valuefn.rl.rewards import chosen_rewards
from forethought.valuefn.rl.roller import Place, Roller, Setting
from forethought.valuefn.rl.run import Run, task_order
from forethought.valuefn.rl.stages import Course
from forethought.valuefn.rl.store import read_rollouts
from forethought.valuefn.rl.tokens import Rollout, Span
from forethought.valuefn.rl.toys.bases import Base, prepare
from forethought.valuefn.rl.toys.episodes import player, tasks_of
from forethought.valuefn.rl.tuning import tune

SIZE = replace(QUICK, updates=1, curve=4, count=4, attribution=0)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    place = tmp_path_factory.mktemp("bases")
    return prepare("products", changes={"size": "0.02M", "steps": 60}, place=place, count=4)


@pytest.fixture(scope="module")
def setting(base: Base) -> Setting:
    recipe = recipe_of(arm_of("rl"), SIZE, base.toy.turns)
    tasks = tasks_of(base.toy.problems("train", SIZE.problems, 5))
    return Setting(recipe, tasks, player(base.toy), chosen_rewards(recipe.rewards))


@pytest.fixture(scope="module")
def rolled(base: Base, setting: Setting) -> Sequence[Rollout]:
    asked = task_order(setting, 5)["prompt"]
    places = [Place(task, at, member) for at, task in enumerate(asked) for member in range(4)]
    roller = Roller(setting, base.tokenizer, 5)
    return roller.roll(base.model, places, Course(setting.recipe)).rollouts


def _graded(rolled: Sequence[Rollout]) -> list[Rollout]:
    """Every other one right, so that there is something to learn."""
    return [replace(one, rewards={GRADE: float(at % 2)}) for at, one in enumerate(rolled)]


def test_imitation_begins_with_the_samples_of_the_engine(
    base: Base, setting: Setting, rolled: Sequence[Rollout], tmp_path: Path
) -> None:
    tune(base.folder, setting, Run(tmp_path / "out", 5, log_rollouts=1, device="cpu"))
    logged = [row.rollout for row in read_rollouts(tmp_path / "out")]
    assert [one.completion_ids for one in logged] == [one.completion_ids for one in rolled]
    assert [one.task for one in logged] == [one.task for one in rolled]


def test_logprobs_are_those_that_were_drawn(base: Base, rolled: Sequence[Rollout]) -> None:
    with torch.no_grad():
        told, mask, spans = sample_logprobs(base.model, rolled, base.tokenizer.pad_token_id)
    for row, one in enumerate(rolled):
        on = mask[row].bool()
        torch.testing.assert_close(told[row][on], torch.tensor(one.logprobs), atol=1e-4, rtol=0)
        assert spans[row][on].tolist() == [int(span) for span in one.spans]
    assert Span.DECISION in {span for one in rolled for span in one.spans}


def test_two_equal_halves_have_the_squared_norm_and_the_base_is_no_way_from_itself(
    base: Base, rolled: Sequence[Rollout]
) -> None:
    some = _graded(rolled)
    pad = base.tokenizer.pad_token_id
    found = squared_signals(base.model, base.model, [some, some], GRADE, pad)
    assert found["kl/sample"] == found["kl/decision"] == 0
    right = [one for one in some if one.rewards[GRADE]]
    logprobs, mask, spans = sample_logprobs(base.model, right, pad)
    loss = -(logprobs * mask * (spans == Span.DECISION)).sum() / len(right)
    parts = torch.autograd.grad(loss, list(base.model.parameters()), allow_unused=True)
    norm = sum(float((part**2).sum()) for part in parts if part is not None)
    assert found["sft/decision"] == pytest.approx(norm, rel=1e-4)
    decisions = sum(one.spans.count(Span.DECISION) for one in some)
    assert found["tokens/decision"] == decisions / len(some)
    assert found["reward/sample"] > 0


def test_noise_has_no_signal(base: Base, rolled: Sequence[Rollout]) -> None:
    some = _graded(rolled)
    mirrored = [replace(one, rewards={GRADE: 1 - one.rewards[GRADE]}) for one in some]
    pad = base.tokenizer.pad_token_id
    found = squared_signals(base.model, base.model, [some, mirrored], GRADE, pad)
    assert found["reward/sample"] < 0  # opposite gradients have nothing in common


@pytest.mark.parametrize("arm", [START, "sft"])
def test_equal_jobs_give_equal_records(base: Base, arm: str) -> None:
    job = Job(arm, "products", 0, 3)
    one, other = (do(job, base.folder, SIZE) for _ in range(2))
    assert {**one, "seconds": 0} == {**other, "seconds": 0}
    assert one["key"] == f"products-0/{arm}/3"
    assert one["samples"] == (0 if arm == START else SIZE.prompts * SIZE.group)
