import json
import shutil
import signal
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl", reason="trl is not installed: extra rl")

import torch
from safetensors.torch import load_file
from tuning import teach, write_small

from forethought.agent.errors import ConfigError, DataError
from forethought.agent.models import LocalModel
from forethought.valuefn.rl.card import load_card
from forethought.valuefn.rl.checks import check_tokens
from forethought.valuefn.rl.episodes import Demonstration, Question
from forethought.valuefn.rl.recipe import Loss, Optimiser, Prefixes, Recipe, Sampling, Stage
from forethought.valuefn.rl.rewards import Reward, Said, Task, chosen_rewards
from forethought.valuefn.rl.roller import Setting
from forethought.valuefn.rl.rows import RECIPES
from forethought.valuefn.rl.run import Run
from forethought.valuefn.rl.store import read_rollouts
from forethought.valuefn.rl.tokens import Kind
from forethought.valuefn.rl.tuning import tune

TINY = replace(
    RECIPES["grpo"],
    steps=4,
    group=4,
    prompts=2,
    optimiser=Optimiser(learning_rate=3e-3),
    rewards={"vowels": 1.0},
    sampling=Sampling(turn_tokens=4, completion_tokens=12),
)
TASKS = {f"t{i}": Task(f"t{i}", f"question {i}", ("a",)) for i in range(5)}


def vowels(said: Said, task: Task) -> float:
    return sum(letter in "aeiou" for letter in said.text) / 4


def _setting(recipe: Recipe, own: Mapping[str, Reward] | None = None, **more: Any) -> Setting:
    rewards = chosen_rewards(recipe.rewards, own or {"vowels": vowels})
    return Setting(
        recipe, TASKS, lambda task, shown: Question(task, shown, bare=True), rewards, **more
    )


def _log(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "log.jsonl").read_text().splitlines()
    return [row for row in map(json.loads, lines) if "reward" in row]


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def _equal(one: Path, other: Path) -> bool:
    left, right = _weights(one), _weights(other)
    return all(torch.equal(left[name], right[name]) for name in left)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return write_small(tmp_path_factory.mktemp("base"), context=512)


def test_a_training_leaves_a_model_its_card_its_log_and_its_rollouts(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told: list[tuple[str, int, int]] = []
    run = Run(
        tmp_path, device="cpu", log_rollouts=2, progress=lambda *what: told.append(what), part=4
    )
    tuned = tune(base, _setting(replace(TINY, attribution=2, loss=Loss(beta=0.01))), run)
    assert (tuned.updates, tuned.stage, tuned.folder) == (4, 0, tmp_path)
    assert told == [("updates", step, 4) for step in (1, 2, 3, 4)]
    assert not _equal(base, tmp_path)
    assert not (tmp_path / "training_args.bin").exists()
    rows = _log(tmp_path)
    assert [row["step"] for row in rows] == [1, 2, 3, 4]
    assert rows[0]["kl"] == 0.0
    assert rows[-1]["kl"] > 0.0
    assert rows[0]["sampling/logprob_gap"] < 1e-5
    assert [("gradient/kl/sample" in row) for row in rows] == [True, False, True, False]
    assert rows[0]["reward"] == pytest.approx(rows[0]["free/reward"])
    logged = read_rollouts(tmp_path)
    assert [row.step for row in logged] == [0] * 8 + [2] * 8
    check_tokens([row.rollout for row in logged], [row.trains for row in logged])
    assert {row.rollout.group for row in logged} == {0, 1}
    card = load_card(tmp_path)
    assert card.recipe["name"] == "grpo"
    assert card.updates == 4
    assert capsys.readouterr().out == ""


def test_equal_seeds_give_equal_weights_and_others_do_not(base: Path, tmp_path: Path) -> None:
    for name, seed in (("one", 0), ("same", 0), ("other", 1)):
        tune(base, _setting(TINY), Run(tmp_path / name, seed=seed, device="cpu"))
    assert _equal(tmp_path / "one", tmp_path / "same")
    assert not _equal(tmp_path / "one", tmp_path / "other")


@pytest.mark.parametrize("reduce", ["sequence", "constant", "token"])
def test_split_batches_give_the_same_update(base: Path, tmp_path: Path, reduce: Any) -> None:
    loss = Loss(reduce=reduce, beta=0.05)
    setting = _setting(replace(TINY, loss=loss, steps=1))
    for part in (8, 2):
        tune(base, setting, Run(tmp_path / str(part), part=part, device="cpu"))
    whole, split = _weights(tmp_path / "8"), _weights(tmp_path / "2")
    for name, before in _weights(base).items():
        assert torch.allclose(whole[name], split[name], atol=2e-5)
        assert not torch.equal(whole[name], before) or "norm" in name


def test_a_resumed_training_ends_bit_for_bit_the_same(base: Path, tmp_path: Path) -> None:
    recipe = replace(
        TINY,
        steps=5,
        loss=Loss(beta=0.05, forced="as-sampled"),
        optimiser=Optimiser(learning_rate=3e-3, warmup=0.5, schedule="linear"),
        prefixes=Prefixes(("ab",), share=0.5, until=6),
        stages=(Stage(1, steps=3), Stage(0)),
    )
    setting = _setting(recipe, demonstrations=(Demonstration("q", "aei"),))
    half = tmp_path / "half"
    run = Run(half, device="cpu", save_every=2, log_rollouts=1, part=4, keep=9)
    tune(base, setting, replace(run, out=tmp_path / "whole"))
    shutil.copytree(tmp_path / "whole", half)
    for later in ("checkpoint-4", "checkpoint-5"):
        shutil.rmtree(half / "checkpoints" / later)
    (half / "model.safetensors").unlink()
    with pytest.raises(ConfigError, match="holds a training already; add --resume"):
        tune(base, setting, Run(half, device="cpu"))
    tune(base, setting, replace(run, resume=True))
    assert _equal(tmp_path / "whole", half)
    one, other = read_rollouts(tmp_path / "whole"), read_rollouts(half)
    assert one == other
    assert [row["demonstrations"] for row in _log(half)] == [1, 1, 1, 0, 0]
    assert [row["reward"] for row in _log(half)] == [
        row["reward"] for row in _log(tmp_path / "whole")
    ]


def test_ctrl_c_leaves_a_checkpoint_that_goes_on_bit_for_bit(base: Path, tmp_path: Path) -> None:
    def press(stage: str, done: int, total: int) -> None:
        if done == 1:
            signal.raise_signal(signal.SIGINT)

    run = Run(tmp_path / "stopped", device="cpu", save_every=50)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        tune(base, _setting(TINY), replace(run, progress=press))
    assert signal.getsignal(signal.SIGINT) is before
    assert [row["step"] for row in _log(tmp_path / "stopped")] == [1, 2]
    assert not (tmp_path / "stopped" / "policy.json").exists()
    tune(base, _setting(TINY), replace(run, resume=True))
    tune(base, _setting(TINY), replace(run, out=tmp_path / "whole"))
    assert _equal(tmp_path / "stopped", tmp_path / "whole")


def test_a_training_killed_before_its_first_checkpoint_begins_again(
    base: Path, tmp_path: Path
) -> None:
    def killed(stage: str, done: int, total: int) -> None:
        if done == 2:
            raise RuntimeError("killed")

    run = Run(tmp_path, device="cpu", log_rollouts=1)
    with pytest.raises(RuntimeError, match="killed"):
        tune(base, _setting(TINY), replace(run, progress=killed))
    assert len(read_rollouts(tmp_path)) == 16
    tune(base, _setting(TINY), run)
    assert len(read_rollouts(tmp_path)) == 32
    assert [row["step"] for row in _log(tmp_path)] == [1, 2, 3, 4]


def test_nothing_to_resume_is_told(base: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is nothing to resume"):
        tune(base, _setting(TINY), Run(tmp_path, device="cpu", resume=True))


def test_a_stage_changes_the_prompt_and_nothing_else(base: Path, tmp_path: Path) -> None:
    shown = (Demonstration("first", "a"), Demonstration("second", "e"))
    stages = (Stage(2, steps=1), Stage(1, steps=1), Stage(0))
    recipe = replace(TINY, stages=stages, optimiser=Optimiser(learning_rate=1e-3, warmup=0.75))
    tuned = tune(
        base,
        _setting(recipe, demonstrations=shown),
        Run(tmp_path, device="cpu", log_rollouts=1),
    )
    rows = _log(tmp_path)
    assert [row["demonstrations"] for row in rows] == [2, 1, 0, 0]
    assert [row["stage"] for row in rows] == [0, 1, 2, 2]
    # the warm-up runs on through the stages
    assert [row["learning_rate"] for row in rows] == pytest.approx([0, 1e-3 / 3, 2e-3 / 3, 1e-3])
    lengths = [len(row.rollout.prompt_ids) for row in read_rollouts(tmp_path)]
    assert lengths[0] > lengths[8] > lengths[16] == lengths[24]
    assert tuned.stage == 2
    assert load_card(tmp_path).demonstrations == 0


def test_groups_that_are_all_equal_are_drawn_anew(base: Path, tmp_path: Path) -> None:
    own: dict[str, Reward] = {"vowels": lambda said, task: float("e" in said.text)}
    tune(base, _setting(replace(TINY, redraw=50), own), Run(tmp_path / "again", device="cpu"))
    tune(base, _setting(TINY, own), Run(tmp_path / "once", device="cpu"))
    assert sum(row["groups/redrawn"] for row in _log(tmp_path / "again")) > 0
    assert all(row["frac_reward_zero_std"] == 0 for row in _log(tmp_path / "again"))
    assert any(row["frac_reward_zero_std"] > 0 for row in _log(tmp_path / "once"))
    assert all(row["groups/redrawn"] == 0 for row in _log(tmp_path / "once"))


def test_several_passes_over_a_batch(base: Path, tmp_path: Path) -> None:
    optimiser = Optimiser(learning_rate=3e-3, passes=2)
    tune(
        base,
        _setting(replace(TINY, optimiser=optimiser)),
        Run(tmp_path, device="cpu", log_rollouts=1, save_every=2),
    )
    assert {row.step for row in read_rollouts(tmp_path)} == {0, 1}
    with pytest.raises(ConfigError, match=r"multiple of optimiser\.passes"):
        tune(
            base,
            _setting(replace(TINY, optimiser=optimiser)),
            Run(tmp_path / "x", device="cpu", save_every=3),
        )


def test_lora_is_merged_into_what_is_served(base: Path, tmp_path: Path) -> None:
    lora = {"r": 4, "target_modules": ["q_proj", "v_proj"]}
    setting = _setting(replace(TINY, loss=Loss(beta=0.01), attribution=2))
    run = Run(tmp_path, device="cpu", lora=lora, save_every=2)
    tune(base, setting, run)
    before, after = _weights(base), _weights(tmp_path)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert set(before) == set(after)
    assert changed
    assert all("q_proj" in name or "v_proj" in name for name in changed)
    assert (tmp_path / "adapter" / "adapter_model.safetensors").is_file()
    shutil.rmtree(tmp_path / "checkpoints" / "checkpoint-4")
    tune(base, setting, replace(run, resume=True))
    again = _weights(tmp_path)
    assert all(torch.equal(again[name], after[name]) for name in after)
    with pytest.raises(ConfigError, match="lora: "):
        tune(base, _setting(TINY), Run(tmp_path / "x", device="cpu", lora={"rank": 4}))


async def test_local_serves_it_as_it_was_trained(tmp_path: Path) -> None:
    base = write_small(tmp_path / "base")
    questions = {f"question {i}": f"reply {i}" for i in range(5)}
    teach(base, questions, steps=150)
    recipe = replace(
        TINY, sampling=Sampling(turn_tokens=12, completion_tokens=12, temperature=0.01)
    )
    tune(base, _setting(recipe), Run(tmp_path / "out", device="cpu", log_rollouts=1))
    card = load_card(tmp_path / "out")
    last = read_rollouts(tmp_path / "out")[-1].rollout
    model = LocalModel(tmp_path / "out")
    request = card.request(TASKS[last.task].question)
    reply = await model.complete(replace(request, seed=1))
    assert reply.usage.prompt_tokens == len(last.prompt_ids)
    assert reply.text == last.text
    assert (request.max_tokens, request.temperature) == (12, 0.01)
    (tmp_path / "out" / "policy.json").write_text("{}")
    with pytest.raises(DataError, match="is damaged"):
        load_card(tmp_path / "out")
    with pytest.raises(ConfigError, match="is no tuned policy"):
        load_card(base)


def test_every_loss_row_trains(base: Path, tmp_path: Path) -> None:
    for name in ("dr_grpo", "dapo", "gspo"):
        recipe = replace(TINY, loss=RECIPES[name].loss, steps=1)
        tune(base, _setting(recipe), Run(tmp_path / name, device="cpu"))
        assert not _equal(base, tmp_path / name)


def test_only_what_the_rule_says_trains(base: Path, tmp_path: Path) -> None:
    prefixes = Prefixes(("ab", "xyz"), share=0.5)
    for rule in ("none", "as-sampled"):
        recipe = replace(TINY, prefixes=prefixes, loss=Loss(forced=rule), steps=1)
        tune(base, _setting(recipe), Run(tmp_path / rule, device="cpu", log_rollouts=1))
        rows = read_rollouts(tmp_path / rule)
        assert sum(row.rollout.prefixed for row in rows) == 4
        for row in rows:
            kinds = {Kind.SAMPLED} if rule == "none" else {Kind.SAMPLED, Kind.FORCED}
            assert row.trains == tuple(int(kind in kinds) for kind in row.rollout.kinds)
        (log,) = _log(tmp_path / rule)
        assert log["prefixed/share"] == 0.5
        assert log["prefixed/logprob"] < -5
        free = [row.rollout.rewards["vowels"] for row in rows if not row.rollout.prefixed]
        assert log["free/success"] == pytest.approx(sum(free) / len(free))
    assert not _equal(tmp_path / "none", tmp_path / "as-sampled")


def test_no_more_is_forced_once_the_free_policy_succeeds(base: Path, tmp_path: Path) -> None:
    prefixes = Prefixes(("ab",), share=0.5, enough=0.01)
    own: dict[str, Reward] = {"vowels": lambda said, task: 1.0}
    tune(
        base,
        _setting(replace(TINY, prefixes=prefixes), own),
        Run(tmp_path, device="cpu", log_rollouts=1),
    )
    assert [row["prefixed/share"] for row in _log(tmp_path)] == [0.5, 0.0, 0.0, 0.0]
    forced = {row.step for row in read_rollouts(tmp_path) if row.rollout.prefixed}
    assert forced == {0}
