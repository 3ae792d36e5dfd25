from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import torch

from forethought.agent.errors import ConfigError, HeadError, UnknownName
from forethought.valuefn.checkpoint import Checkpoint, Snapshot
from forethought.valuefn.rl.toys.documents import Document, Piece
from forethought.valuefn.rl.toys.models import SIZES, Size, parameters, tiny_llama
from forethought.valuefn.rl.toys.modes import Modes
from forethought.valuefn.rl.toys.pretraining import (
    BaseRecipe,
    batch_of,
    learning_rate,
    pretrain,
    weighted_loss,
)
from forethought.valuefn.rl.toys.vocabulary import symbol_tokenizer

TINY = BaseRecipe(size="0.02M", steps=6, batch=4, warmup=2, context=64)
TOY = Modes()


class Cut(Exception):
    pass


def weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: each.detach().clone() for name, each in model.named_parameters()}


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    mine, theirs = weights(one), weights(other)
    return all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_equal_seeds_give_equal_bits_and_leave_the_global_generator_alone() -> None:
    before = torch.random.get_rng_state()
    first, _ = pretrain(TOY, TINY)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.rand(3)
    assert same(first, pretrain(TOY, TINY)[0])
    other = BaseRecipe(size="0.02M", steps=6, batch=4, warmup=2, context=64, seed=1)
    assert not same(first, pretrain(TOY, other)[0])


def test_a_run_that_was_cut_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "run.safetensors", {"recipe": "a"})

    def stop(stage: str, done: int, total: int) -> None:
        if done == 5:
            raise Cut

    with pytest.raises(Cut):
        pretrain(TOY, TINY, checkpoint=checkpoint, every=2, progress=stop)
    kept = checkpoint.load()
    assert isinstance(kept, Snapshot)
    assert kept.facts["step"] == 4
    steps = []
    again, _ = pretrain(
        TOY, TINY, checkpoint=checkpoint, progress=lambda stage, done, total: steps.append(done)
    )
    assert steps == [4, 5]
    assert same(again, pretrain(TOY, TINY)[0])
    with pytest.raises(HeadError, match="other recipe"):
        pretrain(TOY, TINY, checkpoint=Checkpoint(checkpoint.path, {"recipe": "b"}))


def test_it_learns() -> None:
    recipe = BaseRecipe(size="0.02M", steps=60, batch=16, rate=1e-2, warmup=5, context=64)
    model, tokenizer = pretrain(TOY, recipe)
    fresh = tiny_llama(tokenizer, "0.02M", context=64, seed=0)
    rng = Random("other texts")
    batch = batch_of([TOY.document(rng) for _ in range(64)], tokenizer)
    with torch.no_grad():
        assert weighted_loss(model, batch) < 0.7 * weighted_loss(fresh, batch)


def test_weights_lie_on_what_is_learned_alone() -> None:
    tokenizer = symbol_tokenizer("0123456789", context=32)
    documents = [
        Document("12", (Piece("3", 0.25), Piece("45", 0.0))),
        Document("1", (Piece("6"),), ends=False),
    ]
    batch = batch_of(documents, tokenizer)
    end, pad = tokenizer.eos_token_id, tokenizer.pad_token_id
    assert batch.ids[0].tolist()[-4:-1] == tokenizer.encode("345")
    assert batch.weights[0].tolist() == [0, 0, 0, 0, 0, 0.25, 0, 0, 1]
    assert batch.ids[0, -1] == end
    assert batch.ids[1].tolist()[5:] == [pad] * 4
    assert batch.weights[1].tolist() == [0, 0, 0, 0, 1, 0, 0, 0, 0]


def test_the_loss_is_the_weighted_mean_of_cross_entropies() -> None:
    tokenizer = symbol_tokenizer("0123456789", context=32)
    model = tiny_llama(tokenizer, "0.02M", context=32, seed=0)
    batch = batch_of(
        [Document("1", (Piece("23", 0.5),)), Document("12", (Piece("9", 2.0),))], tokenizer
    )
    told = model(input_ids=batch.ids).logits.log_softmax(-1).detach()
    total = weight = 0.0
    for row in range(2):
        for at in range(1, batch.ids.shape[1]):
            each = float(batch.weights[row, at])
            total -= each * float(told[row, at - 1, batch.ids[row, at]])
            weight += each
    assert float(weighted_loss(model, batch).detach()) == pytest.approx(total / weight, rel=1e-5)


def test_the_learning_rate_rises_and_falls() -> None:
    recipe = BaseRecipe(steps=100, warmup=10, rate=1.0)
    rates = [learning_rate(recipe, step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == pytest.approx(1.0)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0.1 <= rates[-1] < 0.11


def test_a_text_longer_than_the_context_is_refused() -> None:
    tokenizer = symbol_tokenizer("0123456789", context=8)
    with pytest.raises(ConfigError, match="give the recipe a longer context"):
        batch_of([Document("12345", (Piece("1"),))], tokenizer)


@pytest.mark.parametrize(("name", "millions"), [("0.1M", 0.1), ("0.5M", 0.55), ("5M", 4.8)])
def test_sizes_are_what_they_are_called(name: str, millions: float) -> None:
    tokenizer = symbol_tokenizer("0123456789")
    model = tiny_llama(tokenizer, name, context=32, seed=0)
    assert parameters(model) / 1e6 == pytest.approx(millions, rel=0.1)


def test_models_that_cannot_be() -> None:
    tokenizer = symbol_tokenizer("01")
    with pytest.raises(UnknownName, match=r"0\.5M"):
        tiny_llama(tokenizer, "0.6M", context=8, seed=0)
    with pytest.raises(ConfigError, match="do not divide"):
        tiny_llama(tokenizer, Size(30, 1, 4, 8), context=8, seed=0)
    assert "0.5M" in SIZES


def test_the_first_texts_come_first() -> None:
    tokenizer = symbol_tokenizer(TOY.symbols)
    other = Modes(seed=1)
    whole, _ = pretrain(other, TINY)
    led, _ = pretrain(TOY, replace(TINY, first=0.999), lessons=other)
    assert same(led, whole)
    half, _ = pretrain(TOY, replace(TINY, first=0.5), lessons=other)
    assert not same(half, whole)
    assert not same(half, pretrain(TOY, TINY)[0])
    assert len(tokenizer) == whole.config.vocab_size
