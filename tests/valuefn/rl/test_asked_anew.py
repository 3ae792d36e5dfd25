import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl", reason="trl is not installed: extra rl")

import torch
from safetensors.torch import load_file
from tiny_llama import tiny_tokenizer, write_tiny
from torch import Tensor
from tuning import char_tokenizer, small_llama, write_small

from forethought.agent.errors import ConfigError, DataError
from forethought.agent.loop import run_episode
from forethought.agent.models import LocalModel
from forethought.agent.planners.react import React
from forethought.agent.types import Episode, Goal, Message, Reply, Request
from forethought.envs.registry import get_world
from forethought.valuefn.rl.apart import read_apart
from forethought.valuefn.rl.card import load_card
from forethought.valuefn.rl.checks import check_tokens
from forethought.valuefn.rl.credit import critic_values
from forethought.valuefn.rl.episodes import Heard
from forethought.valuefn.rl.inputs import play_world, world_tasks
from forethought.valuefn.rl.losses import loss_mask
from forethought.valuefn.rl.page import tokens_page
from forethought.valuefn.rl.recipe import Loss, Optimiser, Prefixes, Sampling
from forethought.valuefn.rl.rewards import Said, Task, chosen_rewards
from forethought.valuefn.rl.roller import Setting
from forethought.valuefn.rl.rollouts import Start, generate
from forethought.valuefn.rl.rows import RECIPES
from forethought.valuefn.rl.run import Run
from forethought.valuefn.rl.store import Logged, read_rollouts
from forethought.valuefn.rl.tokens import Kind, Rollout
from forethought.valuefn.rl.tuning import build_trainer, tune

pytestmark = pytest.mark.filterwarnings("ignore:.*gradient_checkpointing")
TOKENIZER = char_tokenizer()
TASKS = {f"t{i}": Task(f"t{i}", f"question {i}") for i in range(4)}
TINY = replace(
    RECIPES["grpo"],
    steps=2,
    group=4,
    prompts=2,
    optimiser=Optimiser(learning_rate=3e-3),
    rewards={"vowels": 1.0},
    sampling=Sampling(turn_tokens=4, completion_tokens=80, turns=3),
)


class Anew:
    """Asks one thing after the other, each with a prompt of its own; a task's number says how many
    times more than once."""

    stop: tuple[str, ...] = ()

    def __init__(self, task: Task) -> None:
        self._task = task
        self._more = int(task.id[-1]) % 3

    def begin(self) -> Sequence[Message]:
        return (Message("user", self._task.question),)

    def hear(self, text: str) -> Heard:
        self._more -= 1
        if self._more < 0:
            return Heard()
        return Heard(asked=(Message("system", "s"), Message("user", f"then {self._more}")))

    @property
    def outcome(self) -> float | None:
        return None


def vowels(said: Said, task: Task) -> float:
    return sum(letter in "aeiou" for letter in said.text)


def _setting(recipe: Any = TINY, **more: Any) -> Setting:
    rewards = chosen_rewards(recipe.rewards, {"vowels": vowels})
    return Setting(recipe, TASKS, lambda task, shown: Anew(task), rewards, **more)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return write_small(tmp_path_factory.mktemp("base"))


def _parts(rollout: Rollout) -> list[tuple[list[int], int]]:
    """Each prompt with its replies, and how many tokens of it stand before the completion."""
    whole, first = rollout.prompt_ids + rollout.completion_ids, len(rollout.prompt_ids)
    edges = [0, *(first + at for at in rollout.fresh), len(whole)]
    return [(list(whole[a:b]), a - first) for a, b in pairwise(edges)]


def _alone(model: Any, rollout: Rollout) -> Tensor:
    """Log-probabilities of the completion, each part read by itself; 0 where not sampled."""
    found = torch.zeros(len(rollout.completion_ids))
    for ids, at in _parts(rollout):
        logs = model(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
        for place in range(1, len(ids)):
            column = at + place
            if column >= 0 and rollout.kinds[column] != Kind.GIVEN:
                found[column] = logs[place - 1, ids[place]]
    return found


def test_each_turn_sees_its_own_prompt_alone() -> None:
    model = small_llama(len(TOKENIZER))
    starts = [
        Start(task.id, Anew(task), task.id, "ab" * (task.id == "t2")) for task in TASKS.values()
    ]
    rollouts = generate(model, TOKENIZER, starts, TINY.sampling)
    assert [len(one.fresh) for one in rollouts] == [0, 1, 2, 0]
    check_tokens(rollouts, [[int(kind == Kind.SAMPLED) for kind in one.kinds] for one in rollouts])
    for one in rollouts:
        with torch.no_grad():
            alone = _alone(model, one)
        assert torch.tensor(one.logprobs) == pytest.approx(alone, abs=1e-5)
        prompt = TOKENIZER.decode(list(one.prompt_ids))
        assert one.parts.count(0) == (one.fresh[0] if one.fresh else len(one.completion_ids))
        assert prompt == f"u:question {one.task[-1]}\na:"
    last = rollouts[2]
    begun = TOKENIZER.decode(list(last.completion_ids[last.fresh[1] :]))
    assert begun.startswith("s:s\nu:then 0\na:")
    assert last.given == ("s\n\nthen 1", "s\n\nthen 0")
    assert last.turn_of()[last.fresh[0]] == 0
    assert last.turns[0].startswith("ab")
    page = tokens_page([Logged(0, last, (0,) * len(last.kinds))], lambda token: "x")
    assert page.count("asked anew") == 2


def test_a_damaged_record_is_found() -> None:
    starts = [Start("t2", Anew(TASKS["t2"]), "0")]
    (one,) = generate(small_llama(len(TOKENIZER)), TOKENIZER, starts, TINY.sampling)
    trains = [[int(kind == Kind.SAMPLED) for kind in one.kinds]]
    dialogue = replace(one, fresh=())
    with pytest.raises(DataError, match="those the model saw differ"):
        check_tokens([dialogue], trains)
    with pytest.raises(DataError, match="new prompts that do not begin with a given token"):
        check_tokens([replace(one, fresh=(one.fresh[0] + 900,))], trains)
    with pytest.raises(DataError, match="new prompts that do not begin with a given token"):
        check_tokens([replace(one, fresh=(0,))], trains)


def _inputs(trainer: Any) -> dict[str, Any]:
    trainer.model.train()
    trainer.current_gradient_accumulation_steps = 1
    rows = [{"prompt": task} for task in ("t1", "t2") for _ in range(4)]
    made: dict[str, Any] = trainer._generate_and_score_completions(rows)
    return made


def test_the_update_reads_each_part_alone(base: Path, tmp_path: Path) -> None:
    recipe = replace(
        TINY, loss=Loss(beta=0.2, forced="as-sampled"), prefixes=Prefixes(("xy",), 0.5)
    )
    trainer, _ = build_trainer(base, _setting(recipe), Run(tmp_path, device="cpu", part=2))
    inputs = _inputs(trainer)
    batch, entropies, _ = trainer._batch(trainer.model, inputs)
    mask = loss_mask(batch.kinds, recipe.loss).bool()
    alone = [_alone(trainer.model, one) for one in trainer.fresh]
    for row, of_row in enumerate(alone):
        got, on = batch.logprobs[row, : len(of_row)], mask[row, : len(of_row)]
        assert torch.allclose(got[on], of_row[on], atol=1e-5)
        reference = inputs["ref_per_token_logps"][row, : len(of_row)]
        assert torch.allclose(reference[on], of_row[on].detach(), atol=1e-5)
        assert not got[~on].detach().any()
    assert float(entropies.detach()[mask].min()) > 3.0
    gap = (batch.logprobs.detach() - inputs["sampling_per_token_logps"]).abs()[mask]
    assert float(gap.max()) < 1e-5
    weights = list(trainer.model.parameters())
    ours = torch.autograd.grad(batch.logprobs[mask].sum(), weights)
    theirs = torch.autograd.grad(torch.cat(alone).sum(), weights)
    for one, other in zip(ours, theirs, strict=True):
        assert torch.allclose(one, other, atol=1e-4)


def test_parts_put_back_stand_where_they_stood() -> None:
    def read(ids: Tensor, mask: Tensor, keep: int) -> tuple[Tensor, Any, Any]:
        places = mask.cumsum(1)  # a token's place in its own part
        assert bool((ids[mask == 0] == 9).all())
        return (places * 10.0 + ids)[:, -keep:], None, None

    ids = torch.tensor([[0, 1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 0, 0]])
    mask = torch.tensor([[0, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 0, 0]])
    parts = torch.tensor([[0, 1, 1, 2, 2], [0, 0, 0, 0, 0]])
    wanted = torch.tensor([[1, 0, 1, 0, 1], [1, 0, 1, 0, 0]]).bool()
    found, entropies, beside = read_apart(read, ids, mask, parts, wanted, 9)
    assert found.tolist() == [[22.0, 0.0, 24.0, 0.0, 26.0], [33.0, 0.0, 55.0, 0.0, 0.0]]
    assert entropies is beside is None


def test_a_split_update_is_the_same(base: Path, tmp_path: Path) -> None:
    recipe = replace(TINY, loss=Loss(beta=0.05, reduce="token"), attribution=1, steps=3)
    run = Run(tmp_path / "8", device="cpu", part=8, log_rollouts=1, save_every=1, keep=9)
    tune(base, _setting(recipe), run)
    tune(base, _setting(recipe), replace(run, out=tmp_path / "2", part=2))
    whole, split = (load_file(tmp_path / name / "model.safetensors") for name in ("8", "2"))
    before = load_file(base / "model.safetensors")
    assert max(float((whole[name] - before[name]).abs().max()) for name in whole) > 1e-3
    assert all(torch.allclose(whole[name], split[name], atol=5e-5) for name in whole)
    rows = read_rollouts(tmp_path / "8")
    assert {len(row.rollout.fresh) for row in rows} == {0, 1, 2}
    for row in rows:
        pairs = zip(row.trains, row.rollout.kinds, strict=True)
        assert all(bool(on) == (kind == Kind.SAMPLED) for on, kind in pairs)
    log = [json.loads(line) for line in (tmp_path / "8" / "log.jsonl").read_text().splitlines()]
    assert all(row["sampling/logprob_gap"] < 1e-5 for row in log if "reward" in row)


def test_a_turn_asked_anew_is_valued_in_its_own_state() -> None:
    asked: list[str] = []

    class Notes:
        name = "notes"

        def estimate(self, state: str, candidates: Any, goals: Any) -> Any:
            asked.append(state)
            return [[type("Likely", (), {"chance": 0.5})()]]

    (one,) = generate(
        small_llama(len(TOKENIZER)),
        TOKENIZER,
        [Start("t2", Anew(TASKS["t2"]), "0")],
        TINY.sampling,
    )
    critic: Any = Notes()
    assert critic_values(critic, Goal("won"))(one, TASKS["t2"]) == [0.5, 0.5]
    assert asked == ["question 2", "s\n\nthen 1"]


async def test_a_tuned_policy_is_asked_by_react_as_it_was_trained(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    base = write_tiny(tmp_path / "base", context=2048)
    tuned = tiny_tokenizer()
    tuned.pad_token = "<|im_end|>"
    tuned.save_pretrained(base)
    world = get_world("signpost-v0")
    tasks = world_tasks(world, 3)
    recipe = replace(
        TINY,
        rewards={"outcome": 1.0},
        sampling=Sampling(turns=2, turn_tokens=6, completion_tokens=2000),
    )
    rewards = chosen_rewards(recipe.rewards)
    setting = Setting(recipe, tasks, play_world(world), rewards)
    out = tmp_path / "out"
    await asyncio.to_thread(tune, base, setting, Run(out, device="cpu", log_rollouts=1))
    row = read_rollouts(out)[-1].rollout
    assert len(row.fresh) == 1  # six tokens are no JSON object: a repair was asked for
    told: list[tuple[Request, Reply]] = []

    class Listening(LocalModel):
        async def complete(self, request: Request) -> Reply:
            reply = await super().complete(replace(request, max_tokens=6))
            told.append((request, reply))
            return reply

    task = tasks[row.task]
    played = Episode("e", world.id, task.data["seed"], **task.data["options"])
    await run_episode(world.make(), React(), episode=played, model=Listening(out), max_steps=1)
    first, second = told[0], told[1]
    assert first[1].usage.prompt_tokens == len(row.prompt_ids)
    prompt = tuned.apply_chat_template(
        [{"role": one.role, "content": one.content} for one in first[0].messages],
        add_generation_prompt=True,
        return_dict=False,
    )
    assert tuple(prompt) == row.prompt_ids
    assert [one.role for one in second[0].messages] == ["user", "assistant", "user"]
    assert second[0].messages[-1].content in row.given[0]
    card = load_card(out)
    assert card.planner == "react"
    assert card.messages == first[0].messages or "The sign is" in card.messages[-1].content
    assert (out / "chat_template.jinja").read_text() == tuned.chat_template


def test_a_world_that_fits_no_context_is_told_before(base: Path, tmp_path: Path) -> None:
    world = get_world("bargaining-v0")
    recipe = replace(TINY, rewards={"outcome": 1.0})
    setting = Setting(
        recipe, world_tasks(world, 2), play_world(world), chosen_rewards(recipe.rewards)
    )
    with pytest.raises(ConfigError, match="does not fit a context of 256"):
        build_trainer(base, setting, Run(tmp_path, device="cpu"))
