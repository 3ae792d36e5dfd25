"""A char tokenizer and a random Llama of a tenth of a million weights, for fine-tuning tests."""

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

TEMPLATE = (
    "{% for m in messages %}{{ m['role'][0] }}:{{ m['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}a:{% endif %}"
)
"""Ends an assistant's turn by a line break, as it ends the others."""
SPECIAL = ("<pad>", "<eos>", "<unk>")
LETTERS = "".join(chr(code) for code in range(32, 127)) + "\n"


def char_tokenizer(template: str | None = TEMPLATE) -> Any:
    words = {token: at for at, token in enumerate((*SPECIAL, *LETTERS))}
    inner = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    inner.decoder = decoders.Fuse()
    make: Any = PreTrainedTokenizerFast
    tokenizer = make(
        tokenizer_object=inner, eos_token="<eos>", pad_token="<pad>", unk_token="<unk>"
    )
    tokenizer.chat_template = template
    return tokenizer


def small_llama(vocabulary: int, *, width: int = 48, context: int = 256, seed: int = 7) -> Any:
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=context,
        bos_token_id=None,
        eos_token_id=1,
        pad_token_id=0,
    )
    model: Any = LlamaForCausalLM(config)
    generator = torch.Generator().manual_seed(seed)
    for weight in model.parameters():
        if weight.dim() > 1:
            weight.data.normal_(0.0, 0.05, generator=generator)
    return model.eval()


def write_small(folder: Path, *, template: str | None = TEMPLATE, context: int = 256) -> Path:
    tokenizer = char_tokenizer(template)
    small_llama(len(tokenizer), context=context).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def teach(folder: Path, replies: Mapping[str, str], *, steps: int, seed: int = 0) -> None:
    """Let a model learn by heart what to say to whom; a reply after `|` is one of several."""
    tokenizer: Any = PreTrainedTokenizerFast.from_pretrained(folder)
    model: Any = LlamaForCausalLM.from_pretrained(folder)
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    rng = random.Random(seed)
    model.train()
    for _ in range(steps):
        rows = [_row(tokenizer, *rng.choice(list(replies.items())), rng) for _ in range(16)]
        longest = max(len(ids) for ids, _ in rows)
        ids = torch.tensor([row + [0] * (longest - len(row)) for row, _ in rows])
        labels = torch.tensor([label + [-100] * (longest - len(label)) for _, label in rows])
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row, _ in rows])
        loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    model.eval().save_pretrained(folder)


def _row(
    tokenizer: Any, question: str, replies: str, rng: random.Random
) -> tuple[list[int], list[int]]:
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": question}], add_generation_prompt=True, return_dict=False
    )
    reply = [*tokenizer.encode(rng.choice(replies.split("|")), add_special_tokens=False), 1]
    return prompt + reply, [-100] * len(prompt) + reply
