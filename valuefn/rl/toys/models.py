"""Llama models of a given size from scratch. Weights are drawn from a generator of their own."""

from collections.abc import Mapping
from dataclasses import dataclass

from forethought.agent.errors import ConfigError, UnknownName, needs

with needs("models from scratch", "pip install 'forethought[local]'"):
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast


@dataclass(frozen=True, slots=True)
class Size:
    """The shape of a model."""

    hidden: int
    layers: int
    heads: int
    inner: int
    """Width of the feed-forward part."""


SIZES: Mapping[str, Size] = {
    "0.02M": Size(32, 2, 2, 64),
    "0.1M": Size(64, 2, 2, 160),
    "0.2M": Size(64, 4, 4, 160),
    "0.5M": Size(128, 3, 4, 320),
    "1M": Size(160, 4, 4, 400),
    "2M": Size(192, 5, 6, 512),
    "5M": Size(256, 6, 8, 704),
}
"""By the parameters that the layers have, about; embeddings are tied and come on top."""


def tiny_llama(
    tokenizer: PreTrainedTokenizerFast, size: str | Size, *, context: int, seed: int
) -> LlamaForCausalLM:
    """A Llama that knows nothing yet.

    Args:
        tokenizer: Whose tokens it reads.
        size: A row of `SIZES`, or a shape.
        context: Most tokens it reads.
        seed: Of the weights; torch's global generator is left as it was.

    Raises:
        UnknownName: If there is no such row.
        ConfigError: If the heads do not divide the width into even parts.
    """
    if isinstance(size, str):
        if size not in SIZES:
            raise UnknownName("model size", size, SIZES)
        size = SIZES[size]
    if size.hidden % (2 * size.heads):
        raise ConfigError(f"{size.heads} heads do not divide a width of {size.hidden} evenly")
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=size.hidden,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        num_key_value_heads=size.heads,
        intermediate_size=size.inner,
        max_position_embeddings=context,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        model = LlamaForCausalLM(config)
    _draw(model, torch.Generator().manual_seed(seed))
    return model


def parameters(model: LlamaForCausalLM) -> int:
    """How many numbers it has."""
    return sum(each.numel() for each in model.parameters())


def _draw(model: LlamaForCausalLM, generator: torch.Generator) -> None:
    """Fill matrices with normal numbers of variance 1 over their width; scales keep their ones."""
    with torch.no_grad():
        for each in model.parameters():
            if each.dim() > 1:
                each.normal_(0.0, each.shape[1] ** -0.5, generator=generator)
