import inspect
import json
import math
import os
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

pytest.importorskip("trl", reason="trl is not installed: extra rl")

import torch
from transformers import AutoModelForCausalLM
from trl import GRPOConfig
from trl.generation import vllm_generation
from trl.generation.vllm_generation import VLLMGeneration
from tuning import char_tokenizer, write_small

from forethought.agent.errors import DataError, MissingExtra
from forethought.agent.types import Message
from forethought.valuefn.rl import engines
from forethought.valuefn.rl.episodes import Heard
from forethought.valuefn.rl.losses import Batch, Norm, policy_loss, policy_terms
from forethought.valuefn.rl.recipe import Loss, Optimiser, Prefixes, Sampling
from forethought.valuefn.rl.rewards import Said, Task, chosen_rewards
from forethought.valuefn.rl.roller import Setting
from forethought.valuefn.rl.rows import RECIPES
from forethought.valuefn.rl.run import Run
from forethought.valuefn.rl.store import read_rollouts
from forethought.valuefn.rl.tokens import Kind
from forethought.valuefn.rl.tuning import build_trainer, tune
from forethought.valuefn.rl.writing import Ask

pytestmark = pytest.mark.filterwarnings("ignore:.*gradient_checkpointing")
TOKENIZER = char_tokenizer()
TASKS = {f"t{i}": Task(f"t{i}", f"question {i}") for i in range(4)}
TINY = replace(
    RECIPES["tocorl"],
    steps=2,
    group=4,
    prompts=2,
    optimiser=Optimiser(learning_rate=3e-3),
    rewards={"vowels": 1.0},
    prefixes=Prefixes(("xy",), share=0.25),
    sampling=Sampling(turn_tokens=9, completion_tokens=80, turns=3, temperature=0.7),
)


@dataclass
class Wanted:
    """The settings of vLLM's `SamplingParams` that are used, and no others."""

    n: int
    repetition_penalty: float
    temperature: float
    top_p: float
    top_k: int
    min_p: float
    max_tokens: int
    logprobs: int
    stop: list[str]
    include_stop_str_in_output: bool
    stop_token_ids: list[int]


class InsteadOfVllm:
    """vLLM's `LLM` with a model of transformers behind it: its own copy, its own draws."""

    made: ClassVar["list[InsteadOfVllm]"] = []
    heeds_stops = True

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.asked: list[tuple[list[list[int]], Wanted]] = []
        self.synced = self.resets = 0
        self._model: Any = AutoModelForCausalLM.from_pretrained(settings["model"])
        self._generator = torch.Generator().manual_seed(settings["seed"])
        runner = SimpleNamespace(model=self)
        worker = SimpleNamespace(driver_worker=SimpleNamespace(model_runner=runner))
        self.llm_engine = SimpleNamespace(model_executor=worker)
        self.made.append(self)

    def load_weights(self, pairs: Sequence[tuple[str, torch.Tensor]]) -> None:
        for name, weight in pairs:
            self._model.state_dict()[name].copy_(weight)
            self.synced += 1

    def reset_prefix_cache(self) -> None:
        self.resets += 1

    def generate(
        self, prompts: Sequence[Mapping[str, list[int]]], *, sampling_params: Wanted, use_tqdm: bool
    ) -> list[Any]:
        rows = [prompt["prompt_token_ids"] for prompt in prompts]
        self.asked.append((rows, sampling_params))
        return [self._one(ids, sampling_params) for ids in rows]

    @torch.no_grad()
    def _one(self, prompt: list[int], wanted: Wanted) -> Any:
        drawn: list[int] = []
        found = []
        while len(drawn) < wanted.max_tokens:
            logits = self._model(input_ids=torch.tensor([prompt + drawn])).logits[0, -1]
            logs = (logits / wanted.temperature).log_softmax(-1)
            token = int(torch.multinomial(logs.exp(), 1, generator=self._generator))
            drawn.append(token)
            found.append({token: SimpleNamespace(rank=3, logprob=float(logs[token]))})
            said = TOKENIZER.decode(drawn)
            stops = any(text in said for text in wanted.stop) or token in wanted.stop_token_ids
            if stops and self.heeds_stops:
                break
        return SimpleNamespace(
            prompt_token_ids=prompt, outputs=[SimpleNamespace(token_ids=drawn, logprobs=found)]
        )


class Sloppy(InsteadOfVllm):
    """Writes on behind stop strings and end tokens."""

    heeds_stops = False


class Letters:
    """Ends a turn at a letter; answers one, and asks anew after the next."""

    stop = ("E", "A")

    def __init__(self, task: Task) -> None:
        self._task = task
        self._heard = 0

    def begin(self) -> Sequence[Message]:
        return (Message("user", self._task.question),)

    def hear(self, text: str) -> Heard:
        self._heard += 1
        if self._heard == 1:
            return Heard("[given]")
        return Heard(asked=(Message("user", "again"),))

    @property
    def outcome(self) -> float | None:
        return None


def vowels(said: Said, task: Task) -> float:
    return sum(letter in "aeiou" for letter in said.text)


def _setting(recipe: Any = TINY) -> Setting:
    rewards = chosen_rewards(recipe.rewards, {"vowels": vowels})
    return Setting(recipe, TASKS, lambda task, shown: Letters(task), rewards)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return write_small(tmp_path_factory.mktemp("base"))


@pytest.fixture(params=[InsteadOfVllm, Sloppy])
def vllm(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[type]:
    kept = dict(os.environ)
    request.param.made.clear()
    monkeypatch.setattr(engines, "find_spec", lambda name: object())
    monkeypatch.setattr(vllm_generation, "is_vllm_available", lambda: True)
    monkeypatch.setattr(vllm_generation, "LLM", request.param, raising=False)
    monkeypatch.setattr(vllm_generation, "SamplingParams", Wanted, raising=False)
    yield request.param
    os.environ.clear()
    os.environ.update(kept)


def test_turns_are_drawn_by_the_engine_and_kept_exactly(
    base: Path, tmp_path: Path, vllm: Any
) -> None:
    run = Run(tmp_path, device="cpu", engine="vllm", engine_memory=0.4, log_rollouts=1)
    tune(base, _setting(), run)
    (engine,) = vllm.made
    assert engine.settings["gpu_memory_utilization"] == 0.4
    assert engine.settings["logprobs_mode"] == "processed_logprobs"
    assert engine.resets == 2  # the weights of each update, once
    assert engine.synced == 2 * len(list(engine._model.parameters()))
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    rows = [row for row in log if "reward" in row]
    assert len(rows) == 2
    for row in rows:  # of weights that moved: those that drew are those that train
        assert row["sampling/logprob_gap"] < 1e-4
        assert row["sampling/importance_sampling_ratio/mean"] == pytest.approx(1.0, abs=1e-3)
    logged = [row.rollout for row in read_rollouts(tmp_path)]
    assert any(one.fresh for one in logged)
    prompts = [tuple(ids) for rows, _ in engine.asked for ids in rows]
    for one in logged:
        forced = tuple(
            token
            for token, kind in zip(one.completion_ids, one.kinds, strict=True)
            if kind == Kind.FORCED
        )
        assert one.prompt_ids + forced in prompts  # a prefix goes in as part of the prompt
        assert len(forced) == (2 if one.prefixed else 0)
        for turn in one.turns:
            assert not set("EA") & set(turn[:-1])
        assert max(b - a for a, b in zip((0, *one.ends), one.ends, strict=False)) <= 40
    wanted = engine.asked[0][1]
    assert (wanted.stop, wanted.stop_token_ids) == (["E", "A"], [1])
    assert (wanted.temperature, wanted.max_tokens, wanted.n) == (0.7, 9, 1)
    assert wanted.include_stop_str_in_output


def test_vllm_that_is_not_installed_is_told_before_anything_is_loaded(tmp_path: Path) -> None:
    run = Run(tmp_path / "out", device="cpu", engine="vllm")
    with pytest.raises(MissingExtra, match=r"pip install 'forethought\[rl\]' 'trl\[vllm\]'"):
        build_trainer(tmp_path / "no model here", _setting(), run)


def test_trl_has_what_is_called() -> None:
    asked = inspect.signature(VLLMGeneration.generate).parameters
    assert list(asked)[1:4] == ["prompts", "images", "num_generations"]
    assert inspect.signature(VLLMGeneration.__init__).parameters["logprobs"].default == 0
    source = inspect.getsource(VLLMGeneration.generate)
    assert "generation_kwargs.update(self.generation_kwargs)" in source
    fields = GRPOConfig.__dataclass_fields__
    assert {"use_vllm", "vllm_mode", "vllm_gpu_memory_utilization"} <= set(fields)


class Given:
    """What TRL's generation would return."""

    generation_kwargs: Mapping[str, Any] = {}

    def __init__(self, drawn: list[int], logprobs: list[list[float | None]]) -> None:
        self._answer = (drawn, logprobs)

    def generate(
        self, prompts: list[list[int]], images: None, num_generations: int
    ) -> tuple[Any, ...]:
        drawn, logprobs = self._answer
        count = len(prompts)
        tokens = [[token] for token in drawn]
        return prompts, [drawn] * count, [logprobs] * count, [tokens] * count


def _ask(room: int = 9) -> Ask:
    return Ask([5, 6], room, random.Random(0), lambda drawn: drawn[-1] == 3, ("x",), frozenset({1}))


def test_a_turn_is_cut_where_it_ends() -> None:
    sampler = engines.VllmSampler(Given([7, 8, 3, 9], [[-1.0], [-2.0], [-3.0], [None]]))
    long, short = sampler(None, [_ask(), _ask(2)], temperature=1.0, pad=0)
    assert (long.ids, long.logprobs, long.fed) == ((7, 8, 3), (-1.0, -2.0, -3.0), (5, 6, 7, 8))
    assert (short.ids, short.fed) == ((7, 8), (5, 6, 7))
    nothing = engines.VllmSampler(Given([], []))
    with pytest.raises(DataError, match="drew no token"):
        nothing(None, [_ask()], temperature=1.0, pad=0)
    unknown = engines.VllmSampler(Given([7], [[None]]))
    with pytest.raises(DataError, match="no log-probability for the token 7"):
        unknown(None, [_ask()], temperature=1.0, pad=0)


def test_an_engines_correction_weighs_the_policys_loss_and_not_the_penalty() -> None:
    generator = torch.Generator().manual_seed(0)
    logprobs = -torch.rand(2, 3, generator=generator)
    batch = Batch(
        logprobs=logprobs,
        old=logprobs,
        advantages=torch.tensor([[1.0] * 3, [2.0] * 3]),
        kinds=torch.full((2, 3), int(Kind.SAMPLED)),
        reference=logprobs - 0.5,
    )
    row, norm = Loss(beta=0.3), Norm(3, 6.0)
    weights = torch.tensor([[0.5], [0.0]])
    plain, _ = policy_loss(batch, row, norm)
    weighed, _ = policy_loss(replace(batch, weights=weights), row, norm)
    terms = policy_terms(batch, row).policy
    assert float(plain - weighed) == pytest.approx(float((terms * (1 - weights)).mean()))
    penalty = 0.3 * (math.exp(-0.5) + 0.5 - 1)
    assert float(weighed) == pytest.approx(-0.25 + penalty, abs=1e-6)
