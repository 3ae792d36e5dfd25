"""Messages made into the tokens a local model continues, by its own chat template.

A prefix is the beginning of the assistant's turn and is continued to the letter. Control tokens
that stand in a message's text, such as `<|im_end|>`, are read as plain text: no message can end its
own turn. Knows nothing of weights.
"""

from dataclasses import dataclass
from typing import Any

from forethought.agent.errors import ModelRefused, needs
from forethought.agent.models.weights import INSTALL
from forethought.agent.types import Message

with needs("a local model", INSTALL):
    from jinja2 import TemplateError

_WORD_MARKS = (" ", "\u0120", "\u2581")
"""How vocabularies write the space that a word begins with: as it is, byte-level, SentencePiece."""
_REFUSALS = (TemplateError, ValueError, TypeError)


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is to continue."""

    ids: list[int]
    space: bool = False
    """Whether the next token must begin with a space: the prefix's last character, which is left to
    the token after it because that is how texts are cut into tokens."""


def prompt_for(
    tokenizer: Any, messages: tuple[Message, ...], prefix: str, *, exact: bool = False
) -> Prompt:
    """The tokens of a conversation up to where the model takes over.

    Args:
        tokenizer: The model's, with its chat template.
        messages: The conversation.
        prefix: Beginning of the reply; empty for none.
        exact: Whether a last space of the prefix is part of the prompt whatever comes.

    Raises:
        ModelRefused: If the template does not take these messages.
    """
    chat = [{"role": message.role, "content": message.content} for message in messages]
    if not prefix:
        return Prompt(_render(tokenizer, chat))
    space = prefix.endswith(" ") and not exact
    begun = prefix.removesuffix(" ") if space else prefix
    if not begun.strip():  # nothing that a template would keep
        return Prompt(_render(tokenizer, chat) + _plain(tokenizer, begun), space)
    chat.append({"role": "assistant", "content": begun})
    text = _render(tokenizer, chat, begun=True, tokenize=False)
    if text.endswith(begun):
        return Prompt(_render(tokenizer, chat, begun=True), space)
    # the template trims: what it took from the end is put back
    chat[-1]["content"] = begun.rstrip()
    tail = begun[len(begun.rstrip()) :]
    return Prompt(_render(tokenizer, chat, begun=True) + _plain(tokenizer, tail), space)


def _render(
    tokenizer: Any, chat: list[dict[str, str]], *, begun: bool = False, tokenize: bool = True
) -> Any:
    """Apply the template; a system message it does not take goes in front of the user's first."""
    how = {
        "tokenize": tokenize,
        "return_dict": False,
        "sanitize_control_tokens": tokenize,
        "add_generation_prompt": not begun,
        "continue_final_message": begun,
    }
    try:
        return tokenizer.apply_chat_template(chat, **how)
    except _REFUSALS as error:
        merged = _without_system(chat)
        if merged is not None:
            return _render(tokenizer, merged, begun=begun, tokenize=tokenize)
        words = " ".join(str(error).split())[:240]
        raise ModelRefused(
            f"the model's chat template does not take these messages: {words}"
        ) from (error)


def _without_system(chat: list[dict[str, str]]) -> list[dict[str, str]] | None:
    """The chat with its system message inside the user's; `None` where there is none to move."""
    if len(chat) < 2 or chat[0]["role"] != "system" or chat[1]["role"] != "user":
        return None
    first = {"role": "user", "content": f"{chat[0]['content']}\n\n{chat[1]['content']}"}
    return [first, *chat[2:]]


def _plain(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False) if text else []
    return ids


def begin_with_space(tokenizer: Any, vocabulary: int) -> list[int]:
    """The tokens that begin with a space, by number.

    Args:
        tokenizer: The model's.
        vocabulary: Tokens that the model has numbers for.
    """
    special = set(tokenizer.all_special_ids)
    words = tokenizer.convert_ids_to_tokens(list(range(min(vocabulary, len(tokenizer)))))
    return [
        token
        for token, word in enumerate(words)
        if word is not None and word.startswith(_WORD_MARKS) and token not in special
    ]
