"""A tokenizer of a few given symbols: what is encoded is decoded to the same text, always.

A real `PreTrainedTokenizerFast` that saves and loads. Symbols may be longer than a character, the
longest match wins; what is no symbol becomes `<unk>`. Its chat template writes a message as
`<role>content<end>`, and opens a reply with `<assistant>`.
"""

import re
from collections.abc import Iterable

from forethought.agent.errors import ConfigError, needs

with needs("models from scratch", "pip install 'forethought[local]'"):
    from tokenizers import Regex, Tokenizer
    from tokenizers.decoders import Fuse
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Split
    from transformers import PreTrainedTokenizerFast

PAD, END, UNKNOWN = "<pad>", "<end>", "<unk>"
ROLES = ("system", "user", "assistant", "tool")
TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<' + message['role'] + '>' + message['content'] + '<end>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<assistant>' }}{% endif %}"
)


def symbol_tokenizer(symbols: Iterable[str], *, context: int = 512) -> PreTrainedTokenizerFast:
    """A tokenizer of these symbols, with pad, end and unknown tokens and a chat template.

    Args:
        symbols: What texts are made of, each once; characters for a tokenizer of characters.
        context: Tokens that a model of it reads.

    Raises:
        ConfigError: If a symbol is empty, given twice, or a token of the tokenizer's own.
    """
    given = list(symbols)
    own = [PAD, END, UNKNOWN, *(f"<{role}>" for role in ROLES)]
    if len(set(given)) < len(given) or "" in given or set(given) & set(own):
        raise ConfigError(
            f"symbols must be texts that differ from one another and from {', '.join(own)}"
        )
    words = own + given
    inner = Tokenizer(WordLevel({word: at for at, word in enumerate(words)}, UNKNOWN))
    longest_first = sorted(words, key=lambda word: (-len(word), word))
    pattern = "|".join(re.escape(word) for word in longest_first) + r"|[\s\S]"
    inner.pre_tokenizer = Split(Regex(pattern), "isolated")
    inner.decoder = Fuse()
    made = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call] # transformers has no type
        tokenizer_object=inner,
        pad_token=PAD,
        eos_token=END,
        unk_token=UNKNOWN,
        padding_side="left",
        model_max_length=context,
        clean_up_tokenization_spaces=False,
    )
    made.chat_template = TEMPLATE
    return made


def encode_known(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    """The tokens of a text without unknown ones.

    Raises:
        ConfigError: If a part of it is no symbol.
    """
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False)
    if tokenizer.unk_token_id in ids:
        raise ConfigError(f"the tokenizer has no symbols for all of {text!r}")
    return ids


def prompt_text(prompt: str) -> str:
    """A user's message as the chat template writes it, with the reply opened."""
    return f"<user>{prompt}{END}<assistant>"
