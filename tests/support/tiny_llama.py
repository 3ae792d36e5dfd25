"""A random model of half a million weights with a tokenizer of its own, written to a folder."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TRIMMING = TEMPLATE.replace("m['content']", "m['content'] | trim")
"""As some templates do: what stands around a message goes."""
NO_SYSTEM = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    + TEMPLATE
)
SPECIAL = ["<|im_start|>", "<|im_end|>"]
CORPUS = [
    "The quick brown fox jumps over the lazy dog, and the dog sleeps on.",
    "We offer two books and one hat; they accept the offer or refuse it.",
    'system user assistant {"city": "Paris", "score": 12, "verdict": "accept"}',
    "Grüße aus Köln, naïve café, 東京 and 🦉 owls.",
] * 20


def tiny_tokenizer(template: str | None = TEMPLATE) -> Any:
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=480,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator(CORPUS, trainer)
    make: Any = PreTrainedTokenizerFast
    tokenizer = make(tokenizer_object=inner, eos_token="<|im_end|>")
    tokenizer.chat_template = template
    return tokenizer


def tiny_model(vocabulary: int, context: int = 512, **settings: Any) -> Any:
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=96,
        intermediate_size=192,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=context,
        bos_token_id=None,
        eos_token_id=1,
        **settings,
    )
    model: Any = LlamaForCausalLM(config)
    generator = torch.Generator().manual_seed(7)
    for weight in model.parameters():
        if weight.dim() > 1:
            weight.data.normal_(0.0, 0.15, generator=generator)
    return model.eval()


def write_tiny(folder: Path, *, template: str | None = TEMPLATE, context: int = 512) -> Path:
    tokenizer = tiny_tokenizer(template)
    # a few logits more than tokens, as real models have
    tiny_model(len(tokenizer) + 16, context).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
