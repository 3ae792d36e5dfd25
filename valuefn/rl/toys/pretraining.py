"""Pre-training a small model on a toy task's own texts: one thread, seeded, resumable.

The texts of a step are drawn from the seed and the step alone, so that a run that goes on from its
checkpoint is, bit for bit, the run that was never cut. The loss is each token's cross-entropy times
its weight, over the sum of the weights.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random

from forethought.agent.errors import ConfigError, needs
from forethought.valuefn.checkpoint import Checkpoint, Snapshot
from forethought.valuefn.rl.toys.documents import Document, Toy
from forethought.valuefn.rl.toys.models import tiny_llama
from forethought.valuefn.rl.toys.vocabulary import encode_known, prompt_text, symbol_tokenizer

with needs("models from scratch", "pip install 'forethought[local]'"):
    import torch
    from torch import Tensor
    from torch.nn.functional import cross_entropy
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

Progress = Callable[[str, int, int], None]
"""Told of a stage, how much of it is done, and how much there is."""
_LAST = 0.1
"""Of the learning rate, what is left at the end."""


@dataclass(frozen=True, slots=True)
class BaseRecipe:
    """How a base is made."""

    size: str = "0.1M"
    """A row of `models.SIZES`."""
    steps: int = 2000
    batch: int = 32
    """Texts in a step."""
    rate: float = 3e-3
    """Largest learning rate of AdamW; it rises over `warmup` and falls by half a cosine."""
    warmup: int = 100
    """Steps."""
    context: int = 256
    """Most tokens that the model reads."""
    first: float = 0.6
    """Share of the steps that are given to lessons, where there are some."""
    seed: int = 0
    """Of weights and texts."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Texts as tokens, padded on the right."""

    ids: Tensor
    """Shape `(B, T)`."""
    weights: Tensor
    """Of the loss on each token, `(B, T)`; 0 on prompts and padding."""


def pretrain(
    toy: Toy,
    recipe: BaseRecipe,
    *,
    lessons: Toy | None = None,
    checkpoint: Checkpoint | None = None,
    every: int = 250,
    progress: Progress | None = None,
) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    """Teach a model a task's texts.

    Args:
        toy: Whose texts.
        recipe: How long, how large.
        lessons: Whose texts come first, of the same symbols; `None` for no others.
        checkpoint: Where the run is written down; it goes on from what is there.
        every: Steps between two checkpoints.
        progress: Told of the steps.

    Raises:
        ConfigError: If a text is longer than the context, or has an unknown symbol.
        HeadError: If the checkpoint cannot be read or is of another run.
    """
    tokenizer = symbol_tokenizer(toy.symbols, context=recipe.context)
    model = tiny_llama(tokenizer, recipe.size, context=recipe.context, seed=recipe.seed)
    optimiser = torch.optim.AdamW(
        model.parameters(), recipe.rate, betas=(0.9, 0.98), weight_decay=0.0
    )
    first = _go_on(checkpoint, model, optimiser)
    model.train()
    with one_torch_thread():
        for step in range(first, recipe.steps):
            if progress is not None:
                progress(f"pre-train {toy.name}", step, recipe.steps)
            rng = Random(f"{recipe.seed} {step}")
            early = step < recipe.first * recipe.steps
            teacher = lessons if lessons is not None and early else toy
            batch = batch_of([teacher.document(rng) for _ in range(recipe.batch)], tokenizer)
            _update(model, optimiser, batch, learning_rate(recipe, step))
            if checkpoint is not None and (step + 1) % every == 0 and step + 1 < recipe.steps:
                checkpoint.save(_snapshot(step + 1, model, optimiser))
    model.train(mode=False)
    return model, tokenizer


def batch_of(documents: Sequence[Document], tokenizer: PreTrainedTokenizerFast) -> Batch:
    """Texts as tokens with their weights.

    Raises:
        ConfigError: If a text is longer than the context, or has an unknown symbol.
    """
    rows = [_tokens(document, tokenizer) for document in documents]
    longest = max(len(ids) for ids, _ in rows)
    if longest > tokenizer.model_max_length:
        raise ConfigError(
            f"a text has {longest} tokens, the context {tokenizer.model_max_length}; "
            "give the recipe a longer context"
        )
    pad = tokenizer.pad_token_id
    return Batch(
        torch.tensor([ids + [pad] * (longest - len(ids)) for ids, _ in rows]),
        torch.tensor([weights + [0.0] * (longest - len(weights)) for _, weights in rows]),
    )


def weighted_loss(model: LlamaForCausalLM, batch: Batch) -> Tensor:
    """Mean cross-entropy in nats by weight; scalar."""
    logits = model(input_ids=batch.ids).logits[:, :-1]  # (B, T - 1, V)
    each = cross_entropy(logits.flatten(0, 1), batch.ids[:, 1:].flatten(), reduction="none")
    weights = batch.weights[:, 1:].flatten()
    return (each * weights).sum() / weights.sum()


def learning_rate(recipe: BaseRecipe, step: int) -> float:
    """Of one step, counted from 0."""
    if step < recipe.warmup:
        return recipe.rate * (step + 1) / recipe.warmup
    done = (step - recipe.warmup) / max(1, recipe.steps - recipe.warmup)
    return recipe.rate * (_LAST + (1 - _LAST) * (1 + math.cos(math.pi * done)) / 2)


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """One thread for small matrices, and as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _tokens(
    document: Document, tokenizer: PreTrainedTokenizerFast
) -> tuple[list[int], list[float]]:
    ids = encode_known(tokenizer, prompt_text(document.prompt))
    weights = [0.0] * len(ids)
    for piece in document.reply:
        part = encode_known(tokenizer, piece.text)
        ids += part
        weights += [piece.weight] * len(part)
    if document.ends:
        ids.append(tokenizer.eos_token_id)
        weights.append(1.0)
    return ids, weights


def _update(
    model: LlamaForCausalLM, optimiser: torch.optim.AdamW, batch: Batch, rate: float
) -> None:
    for group in optimiser.param_groups:
        group["lr"] = rate
    optimiser.zero_grad()
    weighted_loss(model, batch).backward()  # type: ignore[no-untyped-call] # torch has no type
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimiser.step()


def _snapshot(step: int, model: LlamaForCausalLM, optimiser: torch.optim.AdamW) -> Snapshot:
    """Weights and moments; the step counter of AdamW is the step."""
    tensors = {}
    for name, each in model.named_parameters():
        state = optimiser.state[each]
        tensors[f"weights.{name}"] = each
        tensors[f"mean.{name}"] = state["exp_avg"]
        tensors[f"square.{name}"] = state["exp_avg_sq"]
    return Snapshot(tensors, {"step": step})


def _go_on(
    checkpoint: Checkpoint | None, model: LlamaForCausalLM, optimiser: torch.optim.AdamW
) -> int:
    """Put a model where its checkpoint left it; the first step still to do."""
    kept = checkpoint.load() if checkpoint is not None else None
    if kept is None:
        return 0
    step: int = kept.facts["step"]
    with torch.no_grad():
        for name, each in model.named_parameters():
            each.copy_(kept.tensors[f"weights.{name}"])
            optimiser.state[each] = {
                "step": torch.tensor(float(step)),
                "exp_avg": kept.tensors[f"mean.{name}"],
                "exp_avg_sq": kept.tensors[f"square.{name}"],
            }
    return step
