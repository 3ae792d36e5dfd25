from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl", reason="trl is not installed: extra rl")

import torch
from trl import GRPOTrainer
from tuning import char_tokenizer, small_llama, write_small

from forethought.agent.errors import ConfigError, DataError, MissingExtra, UnknownName
from forethought.agent.types import Candidate, Estimate, Evidence, Goal, Message
from forethought.valuefn.rl.credit import critic_values, turn_advantages
from forethought.valuefn.rl.episodes import Demonstration, Heard, Question
from forethought.valuefn.rl.losses import Norm, policy_loss
from forethought.valuefn.rl.ready import check_ready
from forethought.valuefn.rl.recipe import Loss, Optimiser, Prefixes, Recipe, Sampling, Stage
from forethought.valuefn.rl.rewards import Reward, Said, Task, chosen_rewards
from forethought.valuefn.rl.roller import Setting
from forethought.valuefn.rl.rows import RECIPES
from forethought.valuefn.rl.run import Run, trl_arguments
from forethought.valuefn.rl.tokens import Kind, Rollout, Span
from forethought.valuefn.rl.tuning import build_trainer, tune

pytestmark = pytest.mark.filterwarnings("ignore:.*gradient_checkpointing")
TASKS = {f"t{i}": Task(f"t{i}", f"question {i}", ("a",)) for i in range(4)}
TINY = replace(
    RECIPES["grpo"],
    steps=2,
    group=4,
    prompts=2,
    optimiser=Optimiser(learning_rate=1e-3),
    rewards={"vowels": 1.0},
    sampling=Sampling(turn_tokens=4, completion_tokens=20, turns=2),
)


class TwoTurns:
    """Gives a text after the first turn."""

    stop: tuple[str, ...] = ()

    def __init__(self, task: Task) -> None:
        self._task = task
        self._heard = 0

    def begin(self) -> Sequence[Message]:
        return (Message("user", self._task.question),)

    def hear(self, text: str) -> Heard:
        self._heard += 1
        return Heard("=ok=" if self._heard == 1 else None)

    @property
    def outcome(self) -> float | None:
        return None


def vowels(said: Said, task: Task) -> float:
    return sum(letter in "aeiou" for letter in said.text)


def _setting(recipe: Recipe, own: Reward = vowels, **more: Any) -> Setting:
    rewards = chosen_rewards(recipe.rewards, {"vowels": own})
    return Setting(recipe, TASKS, lambda task, shown: TwoTurns(task), rewards, **more)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return write_small(tmp_path_factory.mktemp("base"))


def _inputs(trainer: Any) -> dict[str, Any]:
    trainer.model.train()
    trainer.current_gradient_accumulation_steps = 1
    rows = [{"prompt": task} for task in ("t0", "t1") for _ in range(4)]
    made: dict[str, Any] = trainer._generate_and_score_completions(rows)
    return made


@pytest.mark.parametrize("name", ["grpo", "dr_grpo", "dapo", "gspo"])
def test_where_all_is_sampled_the_loss_is_trls(base: Path, tmp_path: Path, name: str) -> None:
    recipe = replace(TINY, loss=replace(RECIPES[name].loss, beta=0.2))
    trainer, _ = build_trainer(base, _setting(recipe), Run(tmp_path, device="cpu"))
    inputs = _inputs(trainer)
    assert int((inputs["tool_mask"] == 0).sum()) > 0  # what the episode gave
    shape = inputs["completion_ids"].shape
    generator = torch.Generator().manual_seed(0)
    noise = 0.3 * torch.randn(shape, generator=generator)
    inputs["old_per_token_logps"] = inputs["sampling_per_token_logps"] + noise
    inputs["ref_per_token_logps"] = inputs["ref_per_token_logps"] + noise
    found = []
    for loss_of in (type(trainer)._compute_loss, GRPOTrainer._compute_loss):
        trainer.model.zero_grad()
        loss = loss_of(trainer, trainer.model, inputs)
        loss.backward()
        gradient = trainer.model.model.embed_tokens.weight.grad.clone()
        found.append((float(loss.detach()), gradient))
    (ours, our_gradient), (theirs, their_gradient) = found
    assert ours == pytest.approx(theirs, rel=1e-5, abs=1e-7)
    assert torch.allclose(our_gradient, their_gradient, atol=1e-7, rtol=1e-4)
    assert float(our_gradient.abs().max()) > 1e-5


def test_tokens_that_are_not_those_generated_stop_the_update(base: Path, tmp_path: Path) -> None:
    trainer, _ = build_trainer(base, _setting(TINY), Run(tmp_path, device="cpu"))
    kept = trainer._roll_out

    def encoded_again(prompts: list[str], other: Any) -> dict[str, Any]:
        output = kept(prompts, other)
        output["completion_ids"][3][1] = 50
        return output

    trainer.rollout_func = encoded_again
    with pytest.raises(DataError, match=r"rollout 3 .* those the update is fed differ at token"):
        _inputs(trainer)


ROLLOUT = Rollout(
    task="t0",
    prompt_ids=(1,),
    completion_ids=(1, 2, 3, 4, 5),
    logprobs=(-1.0,) * 5,
    kinds=(Kind.SAMPLED, Kind.SAMPLED, Kind.GIVEN, Kind.SAMPLED, Kind.SAMPLED),
    spans=(Span.SAMPLE,) * 5,
    turns=("ab", "de"),
    given=("c",),
    ends=(2, 5),
)


def test_turns_earn_what_they_change() -> None:
    tokens = turn_advantages(ROLLOUT, [0.7], reward=1.0, baseline=0.4)
    assert tokens == pytest.approx((0.3, 0.3, 0.3, 0.3, 0.3))
    tokens = turn_advantages(ROLLOUT, [0.1], reward=1.0, baseline=0.4)
    assert tokens == pytest.approx((-0.3, -0.3, -0.3, 0.9, 0.9))
    with pytest.raises(ConfigError, match="2 values for a rollout of 2 turns"):
        turn_advantages(ROLLOUT, [0.1, 0.2], reward=1.0, baseline=0.4)


class VowelCritic:
    """Believes in vowels."""

    name = "vowels"

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def estimate(
        self, state: str, candidates: Sequence[Candidate], goals: Sequence[Goal]
    ) -> list[list[Estimate]]:
        self.asked.extend((state, one.thought) for one in candidates)
        chance = [sum(letter in "aeiou" for letter in one.thought) / 4 for one in candidates]
        return [[Estimate(one, one, one) for _ in goals] for one in chance]

    def explain(
        self, state: str, candidate: Candidate, goal: Goal, *, nearest: int = 3
    ) -> list[Evidence]:
        return []


def test_a_heads_estimates_are_values_of_turns() -> None:
    critic = VowelCritic()
    values = critic_values(critic, Goal("won", weight=2.0))
    assert list(values(ROLLOUT, TASKS["t0"])) == [0.5]
    assert critic.asked == [("question 0", "ab")]
    three = replace(ROLLOUT, turns=("ab", "de", "i"), given=("c", ""), ends=(2, 4, 5))
    assert list(values(three, TASKS["t0"])) == [0.5, 0.5]
    assert critic.asked[-1] == ("question 0\nabc", "de")


def test_credit_by_value_reaches_the_tokens(base: Path, tmp_path: Path) -> None:
    recipe = replace(TINY, credit="value", loss=Loss(scale="none", reduce="constant"))
    with pytest.raises(ConfigError, match="needs values="):
        build_trainer(base, _setting(recipe), Run(tmp_path, device="cpu"))
    values = critic_values(VowelCritic(), Goal("won", weight=4.0))
    trainer, _ = build_trainer(base, _setting(recipe), Run(tmp_path, device="cpu"), values=values)
    advantages = _inputs(trainer)["advantages"]
    rollouts = trainer.fresh
    for group in (rollouts[:4], rollouts[4:]):
        mean = sum(vowels(Said(one.turns), TASKS["t0"]) for one in group) / 4
        for one in group:
            row = advantages[rollouts.index(one)].tolist()
            after_first = vowels(Said(one.turns[:1]), TASKS["t0"])
            if len(one.turns) == 2:
                assert row[0] == pytest.approx(after_first - mean, abs=1e-5)
                last = len(one.completion_ids) - 1
                whole = vowels(Said(one.turns), TASKS["t0"])
                assert row[last] == pytest.approx(whole - after_first, abs=1e-5)
    tune(base, _setting(recipe), Run(tmp_path, device="cpu"), values=values)


def test_the_gap_between_drawing_and_training_is_rounding(base: Path, tmp_path: Path) -> None:
    recipe = replace(
        TINY, sampling=replace(TINY.sampling, temperature=0.6), prefixes=Prefixes(("xy",))
    )
    trainer, _ = build_trainer(base, _setting(recipe), Run(tmp_path, device="cpu"))
    inputs = _inputs(trainer)
    batch, _, _ = trainer._batch(trainer.model, inputs)
    said = inputs["kinds"] != Kind.GIVEN
    gap = (batch.logprobs.detach() - inputs["sampling_per_token_logps"]).abs()[said]
    assert float(gap.max()) < 1e-4
    assert int((inputs["kinds"] == Kind.FORCED).sum()) == 2 * 2


def test_what_was_given_counts_in_no_entropy_and_no_penalty(base: Path, tmp_path: Path) -> None:
    recipe = replace(TINY, loss=Loss(beta=0.3))
    trainer, _ = build_trainer(base, _setting(recipe), Run(tmp_path, device="cpu"))
    inputs = _inputs(trainer)
    batch, entropies, _ = trainer._batch(trainer.model, inputs)
    given, reference = batch.kinds == Kind.GIVEN, batch.reference
    assert reference is not None
    assert int(given.sum()) > 8  # what the episode wrote, beside padding
    told = []
    for wild in (0.0, 1e6):
        strange = replace(batch, reference=torch.where(given, -wild, reference))
        loss, info = policy_loss(strange, recipe.loss, Norm(20, 8.0))
        trainer._tell_loss(strange, info, torch.where(given, wild, entropies), inputs)
        metrics = trainer._metrics["train"]
        told.append((float(loss.detach()), metrics["entropy"][-1], metrics["kl"][-1]))
    assert told[0] == told[1]
    assert told[0][1] > 3.0


def test_reports_go_where_trl_sends_them(tmp_path: Path) -> None:
    assert trl_arguments(TINY, Run(tmp_path, device="cpu")).report_to == []
    run = Run(tmp_path, device="cpu", report_to=("wandb", "tensorboard"))
    assert trl_arguments(TINY, run).report_to == ["wandb", "tensorboard"]


def test_a_place_that_cannot_be_reported_to_is_told_before_anything_is_loaded(
    tmp_path: Path,
) -> None:
    with pytest.raises(UnknownName, match="did you mean 'wandb'"):
        build_trainer("no model", _setting(TINY), Run(tmp_path, report_to=("wandbb",)))
    missing = next(name for name in ("neptune", "clearml", "swanlab") if find_spec(name) is None)
    with pytest.raises(MissingExtra, match=f"pip install {missing}"):
        build_trainer("no model", _setting(TINY), Run(tmp_path, report_to=(missing,)))


def _ready(recipe: Recipe = TINY, tokenizer: Any = None, **more: Any) -> None:
    tokenizer = tokenizer or char_tokenizer()
    tasks = more.pop("tasks", TASKS)
    rewards = chosen_rewards(recipe.rewards, {"vowels": more.pop("own", vowels)})
    setting = Setting(
        recipe, tasks, lambda task, shown: Question(task, shown, bare=True), rewards, **more
    )
    check_ready(small_llama(99), tokenizer, setting)


def test_bad_input_is_told_before_the_first_step() -> None:
    _ready()
    no_pad = char_tokenizer()
    no_pad.pad_token = None
    with pytest.raises(ConfigError, match="no pad token: set one, such as"):
        _ready(tokenizer=no_pad)
    no_end = char_tokenizer()
    no_end.eos_token = None
    with pytest.raises(ConfigError, match="no end token"):
        _ready(tokenizer=no_end)
    with pytest.raises(ConfigError, match="no chat template"):
        _ready(tokenizer=char_tokenizer(None))
    dropping = char_tokenizer("{{ messages[0]['content'] }}a:")
    with pytest.raises(ConfigError, match="drops the prefix 'So'"):
        _ready(replace(TINY, prefixes=Prefixes(("So",))), dropping)
    with pytest.raises(ConfigError, match="does not take these messages"):
        _ready(tokenizer=char_tokenizer("{{ raise_exception('never') }}"))
    with pytest.raises(ConfigError, match="reward 'vowels' is nan for task"):
        _ready(own=lambda said, task: float("nan"))
    with pytest.raises(ConfigError, match="group is 1"):
        _ready(replace(TINY, group=1))
    with pytest.raises(ConfigError, match="no tasks"):
        _ready(tasks={})
    staged = replace(TINY, stages=(Stage(1, steps=1), Stage()))
    with pytest.raises(ConfigError, match="shows 1 demonstrations and 0 were given"):
        _ready(staged)
    with pytest.raises(ConfigError, match="with 1 demonstrations does not fit a context of 256"):
        _ready(staged, demonstrations=(Demonstration("q" * 300, "a"),))
    wider = char_tokenizer()
    wider.add_tokens(["<one more>"])
    with pytest.raises(ConfigError, match="100 tokens and the model 99"):
        _ready(tokenizer=wider)
    with pytest.raises(ConfigError, match="the prefix 'a long one' has 10 tokens"):
        _ready(
            replace(
                TINY, prefixes=Prefixes(("a long one",)), sampling=Sampling(completion_tokens=9)
            )
        )
