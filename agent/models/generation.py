"""What happens between logits and text: choosing tokens, and writing them out as they come.

Every row chooses with a generator of its own, so that what else is in the batch changes nothing.
Text is never told before it is certain: not half a character, and nothing that may still turn out
to be a stop string. Knows nothing of batches, threads or weights.
"""

from collections.abc import Sequence
from typing import Any

from forethought.agent.errors import needs
from forethought.agent.models.weights import INSTALL
from forethought.agent.types import Request

with needs("a local model", INSTALL):
    import torch
    from torch import Tensor
    from transformers import (
        LogitsProcessorList,
        MinPLogitsWarper,
        RepetitionPenaltyLogitsProcessor,
        TopKLogitsWarper,
        TopPLogitsWarper,
    )

_HALF = "\ufffd"
"""What bytes decode to that are no whole character, or not yet."""
_CONTEXT = 6
"""Tokens of the prompt that the first new ones are decoded with."""


class Sampler:
    """Chooses the tokens of one reply.

    Args:
        request: Says temperature and seed; without a seed each reply is its own.
        settings: The model's generation settings, of which `repetition_penalty`, `top_k`, `top_p`
            and `min_p` are heeded where they are set.
    """

    def __init__(self, request: Request, settings: Any) -> None:
        self._temperature = request.temperature
        self._generator = torch.Generator()
        if request.seed is None:
            self._generator.seed()
        else:
            self._generator.manual_seed(request.seed % 2**63)
        self._penalty = LogitsProcessorList(_penalties(settings))
        self._cut = LogitsProcessorList(_cuts(settings))

    def choose(self, logits: Tensor, before: Sequence[int], allowed: Tensor | None) -> int:
        """The next token.

        Args:
            logits: Shape `(vocabulary,)`, float32, on the CPU; is not changed.
            before: All tokens so far, the prompt's included.
            allowed: Which tokens may follow, shape `(vocabulary,)`, bool; `None` for all.
        """
        row = logits[None]
        if allowed is not None:
            row = row.masked_fill(~allowed, -torch.inf)
        if self._penalty:
            row = self._penalty(torch.tensor([before]), row)  # type: ignore[arg-type]
        best = int(row.argmax())
        if self._temperature == 0.0:
            return best
        row = (row - row.max()) / self._temperature
        if self._cut:
            row = self._cut(torch.tensor([before]), row)  # type: ignore[arg-type]
        sums = row[0].softmax(-1).double().cumsum(-1)
        drawn = torch.rand(1, generator=self._generator, dtype=torch.float64) * sums[-1]
        at = int(torch.searchsorted(sums, drawn, right=True))
        return at if at < len(sums) else best  # rounding may pass the last sum


def _penalties(settings: Any) -> list[Any]:
    penalty = getattr(settings, "repetition_penalty", None)
    return [RepetitionPenaltyLogitsProcessor(penalty)] if penalty not in (None, 1.0) else []


def _cuts(settings: Any) -> list[Any]:
    cuts: list[Any] = []
    if getattr(settings, "top_k", None):
        cuts.append(TopKLogitsWarper(settings.top_k))
    if getattr(settings, "top_p", None) not in (None, 1.0):
        cuts.append(TopPLogitsWarper(settings.top_p))
    if getattr(settings, "min_p", None):
        cuts.append(MinPLogitsWarper(settings.min_p))
    return cuts


class Writer:
    """Turns tokens into text as they come, up to the first stop string.

    Args:
        tokenizer: The model's.
        prompt: The prompt's tokens: what a token is in text may depend on those before it.
        stop: Texts that end the reply and are no part of it.
    """

    def __init__(self, tokenizer: Any, prompt: Sequence[int], stop: Sequence[str] = ()) -> None:
        self._tokenizer = tokenizer
        self._ids = list(prompt[-_CONTEXT:])
        self._from = 0
        self._read = len(self._ids)
        self._stop = tuple(text for text in stop if text)
        self.text = ""
        """All text so far that is whole characters, a stop string left out."""
        self.stopped = False

    def add(self, token: int) -> None:
        """Take the next token."""
        self._ids.append(token)
        before = self._decode(self._ids[self._from : self._read])
        after = self._decode(self._ids[self._from :])
        if len(after) <= len(before) or after.endswith(_HALF):
            return
        self._from, self._read = self._read, len(self._ids)
        self._append(after[len(before) :])

    def end(self) -> None:
        """No more tokens come: bytes that never became a character are dropped."""
        before = self._decode(self._ids[self._from : self._read])
        rest = self._decode(self._ids[self._from :])[len(before) :].rstrip(_HALF)
        if rest and not self.stopped:
            self._read = len(self._ids)
            self._append(rest)

    def sure(self, *, last: bool = False) -> str:
        """The text that nothing to come can change; all of it when nothing comes."""
        if last or self.stopped:
            return self.text
        held = max((_overlap(self.text, stop) for stop in self._stop), default=0)
        return self.text[: len(self.text) - held]

    def _append(self, piece: str) -> None:
        scanned = max(0, len(self.text) - max((len(stop) for stop in self._stop), default=0))
        self.text += piece
        found = [at for stop in self._stop if (at := self.text.find(stop, scanned)) >= 0]
        if found:
            self.text = self.text[: min(found)]
            self.stopped = True

    def _decode(self, ids: list[int]) -> str:
        text: str = self._tokenizer.decode(
            ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of `text` that `stop` begins with."""
    longest = min(len(text), len(stop) - 1)
    return next((n for n in range(longest, 0, -1) if text.endswith(stop[:n])), 0)
