"""What is read of a server's answer, and which answers are none. No network."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, ValidationError

from forethought.agent.errors import ModelRefused, ModelUnavailable


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True)
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    model_config = ConfigDict(frozen=True)
    message: _Message
    finish_reason: str | None = None


class Counts(BaseModel):
    """Tokens, as the server counted them."""

    model_config = ConfigDict(frozen=True)
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Completion(BaseModel):
    """A chat completion; fields that are not named here are passed over."""

    model_config = ConfigDict(frozen=True)
    choices: list[_Choice] | None = None
    usage: Counts | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """The first choice of a completion."""

    text: str
    finish: str
    prompt_tokens: int | None
    """As the server counted them; `None` when it did not."""


def parse(body: bytes, kind: str, server: str) -> Completion:
    """Read the body of an answer.

    Args:
        body: JSON, if all is well.
        kind: The content type it came with, for the message.
        server: The server's address, as it may be shown.

    Raises:
        ModelUnavailable: If it is not a chat completion.
    """
    try:
        return Completion.model_validate_json(body)
    except ValidationError as error:
        raise ModelUnavailable(
            f"{server} sent something that is not a chat completion"
            f" ({kind.partition(';')[0] or 'of no stated type'}): check that the address ends in"
            " /v1"
        ) from error


def read(completion: Completion, server: str) -> Said:
    """Take the first choice; a reply cut at its limit before any text is an empty one.

    Raises:
        ModelUnavailable: If there is no choice, or no text in it.
        ModelRefused: If the model or a content filter declined.
    """
    if not completion.choices:
        raise ModelUnavailable(f"{server} sent an answer without choices")
    choice = completion.choices[0]
    finish = choice.finish_reason or "stop"
    text = choice.message.content
    if text is None and choice.message.refusal is not None:
        raise ModelRefused(f"the model declined: {' '.join(choice.message.refusal.split())}")
    if text is None and finish == "content_filter":
        raise ModelRefused(f"the content filter of {server} stopped the reply")
    if text is None and finish != "length":
        raise ModelUnavailable(f"{server} sent an answer without text ({finish})")
    tokens = completion.usage.prompt_tokens if completion.usage else None
    return Said(text or "", finish, tokens)
