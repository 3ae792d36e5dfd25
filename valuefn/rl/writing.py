"""One turn of many rollouts: tokens drawn from a model, with their log-probabilities.

Every row draws with a generator of its own, so that what else is in the batch changes nothing but
rounding. Rows are padded on the left and written together; keys and values are kept within a turn.
Knows nothing of episodes or rewards. Who draws is a `Sampler`: `write_turn` here, on transformers,
or an engine of `valuefn.rl.engines`.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from forethought.agent.errors import needs
from forethought.valuefn.rl.losses import INSTALL

with needs("fine-tuning", INSTALL):
    import torch
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Ask:
    """One row to go on with."""

    context: Sequence[int]
    """All tokens so far, at least one."""
    room: int
    """Most tokens to draw, at least 1."""
    rng: random.Random
    """The row's own generator; one number is drawn for each token."""
    stopped: Callable[[Sequence[int]], bool]
    """Whether the tokens drawn so far end the turn."""
    stop: tuple[str, ...] = ()
    """Texts of which `stopped` is the test, for engines that look for them by themselves."""
    ends: frozenset[int] = frozenset()
    """Tokens of which it is the test."""


@dataclass(frozen=True, slots=True)
class Written:
    """What was drawn for a row."""

    ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    """Nats at the sampling temperature, one for each token."""
    fed: tuple[int, ...]
    """All tokens that the model read for it: the context, and all drawn tokens but the last."""


class Sampler(Protocol):
    """Draws turns of the policy."""

    def __call__(
        self, model: Any, asks: Sequence[Ask], *, temperature: float, pad: int
    ) -> list[Written]:
        """One turn for each row, in their order: exact tokens, and their log-probabilities.

        Args:
            model: The policy, a causal language model of transformers in evaluation mode.
            asks: The rows, at least one.
            temperature: Logits are divided by it; above 0.
            pad: Token that fills the left.
        """
        ...


@torch.no_grad()
def write_turn(model: Any, asks: Sequence[Ask], *, temperature: float, pad: int) -> list[Written]:
    """Draw one turn for each row.

    Args:
        model: A causal language model of transformers, in evaluation mode.
        asks: The rows, at least one.
        temperature: Logits are divided by it; above 0.
        pad: Token that fills the left.
    """
    ids, mask = _left_padded([ask.context for ask in asks], pad, model.device)
    feed = [(ids, mask)]
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    drawn: list[list[int]] = [[] for _ in asks]
    logprobs: list[list[float]] = [[] for _ in asks]
    live = [True] * len(asks)
    cache: Any = None
    while True:
        out = model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        cache = out.past_key_values
        logs = (out.logits[:, -1].float() / temperature).log_softmax(-1)
        tokens = _draw(
            logs, [ask.rng.random() if on else 0.0 for ask, on in zip(asks, live, strict=True)]
        )
        found = logs.gather(1, tokens[:, None])[:, 0].tolist()
        for row, token in enumerate(tokens.tolist()):
            if live[row]:
                drawn[row].append(token)
                logprobs[row].append(found[row])
                ask = asks[row]
                live[row] = len(drawn[row]) < ask.room and not ask.stopped(drawn[row])
        if not any(live):
            break
        on = torch.tensor(live, device=model.device)
        ids = torch.where(on, tokens, pad)[:, None]
        feed.append((ids, on.long()[:, None]))
        mask = torch.cat([mask, on.long()[:, None]], dim=1)
        positions = positions[:, -1:] + 1
    return [
        Written(tuple(drawn[row]), tuple(logprobs[row]), fed) for row, fed in enumerate(_fed(feed))
    ]


@torch.no_grad()
def forced_logprobs(
    model: Any,
    contexts: Sequence[Sequence[int]],
    forced: Sequence[Sequence[int]],
    *,
    temperature: float,
    pad: int,
) -> list[tuple[float, ...]]:
    """How likely the policy itself would have begun with the forced tokens.

    Args:
        model: As in `write_turn`.
        contexts: What stands before, for each row.
        forced: At least one token for each row.
        temperature: Logits are divided by it.
        pad: Token that fills the left.

    Returns:
        Log-probabilities in nats, one for each forced token.
    """
    whole = [[*context, *ids] for context, ids in zip(contexts, forced, strict=True)]
    ids, mask = _left_padded(whole, pad, model.device)
    longest = max(len(row) for row in forced)
    out = model(
        input_ids=ids,
        attention_mask=mask,
        position_ids=(mask.cumsum(1) - 1).clamp(min=0),
        use_cache=False,
        logits_to_keep=longest + 1,
    )
    logs = (out.logits[:, :-1].float() / temperature).log_softmax(-1)  # (B, longest, V)
    of_tokens = logs.gather(2, ids[:, -longest:, None])[:, :, 0].tolist()
    return [tuple(row[longest - len(one) :]) for row, one in zip(of_tokens, forced, strict=True)]


def _left_padded(
    rows: Sequence[Sequence[int]], pad: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Ids and attention mask, both of shape `(B, longest)`."""
    longest = max(len(row) for row in rows)
    ids = [[pad] * (longest - len(row)) + list(row) for row in rows]
    mask = [[0] * (longest - len(row)) + [1] * len(row) for row in rows]
    return torch.tensor(ids, device=device), torch.tensor(mask, device=device)


def _draw(logs: Tensor, uniforms: Sequence[float]) -> Tensor:
    """Tokens at which the summed probabilities pass a number from 0 to 1; shape `(B,)`.

    Args:
        logs: Log-probabilities, shape `(B, V)`.
        uniforms: One number for each row.
    """
    sums = logs.double().exp().cumsum(-1)
    wanted = torch.tensor(uniforms, dtype=torch.float64, device=logs.device)[:, None] * sums[:, -1:]
    at = torch.searchsorted(sums, wanted, right=True)[:, 0]
    # rounding may pass the last sum
    return torch.where(at < logs.shape[1], at, logs.argmax(-1))


def _fed(feed: Sequence[tuple[Tensor, Tensor]]) -> list[tuple[int, ...]]:
    """What was read by each row, padding left out."""
    ids = torch.cat([part for part, _ in feed], dim=1).tolist()
    kept = torch.cat([mask for _, mask in feed], dim=1).tolist()
    return [
        tuple(token for token, on in zip(row, mask, strict=True) if on)
        for row, mask in zip(ids, kept, strict=True)
    ]
