"""Gradients by span without their noise, at one policy.

The norm of a sampled gradient is mostly noise where samples are few. Two halves of independent
samples have independent noise, so that the product of their gradients is, on average, the squared
norm of the expected one. It can come out below 0 where there is hardly any signal.
"""

from collections.abc import Sequence
from typing import Any

from forethought.agent.errors import needs
from forethought.valuefn.rl.attribution import Sums, add_span_gradients, loss_terms
from forethought.valuefn.rl.losses import INSTALL, Batch
from forethought.valuefn.rl.recipe import Loss
from forethought.valuefn.rl.tokens import Kind, Rollout, Span

with needs("fine-tuning", INSTALL):
    import torch
    from torch import Tensor

SPANS = (Span.SAMPLE, Span.DECISION)


def squared_signals(
    model: Any, reference: Any, halves: Sequence[Sequence[Rollout]], part: str, pad: int
) -> dict[str, float]:
    """Squared norms of expected gradients, of the mean rollout.

    Args:
        model: The policy that drew the rollouts.
        reference: What the KL penalty pulls to.
        halves: Two halves, in whole groups of equal size.
        part: The reward part that is the reward.
        pad: Token that fills the right.

    Returns:
        By `TERM/SPAN`; `sft` is that of the right rollouts alone. `tokens/SPAN` are tokens of the
        mean rollout, `right_tokens/SPAN` those of the mean right one.
    """
    flats = [_gradients(model, reference, half, part, pad) for half in halves]
    found = {}
    for name, span in flats[0]:
        if span in SPANS:
            product = torch.dot(flats[0][name, span].double(), flats[1][name, span].double())
            found[f"{name}/{span.name.lower()}"] = float(product)
    everyone = [one for half in halves for one in half]
    right = [one for one in everyone if one.rewards[part] == 1]
    for name, some in (("tokens", everyone), ("right_tokens", right)):
        for span in SPANS:
            count = sum(one.spans.count(span) for one in some)
            found[f"{name}/{span.name.lower()}"] = count / max(len(some), 1)
    return found


def sample_logprobs(
    model: Any, rollouts: Sequence[Rollout], pad: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Log-probabilities of what was sampled.

    Args:
        model: A causal language model.
        rollouts: B samples, without given tokens among their replies.
        pad: Token that fills the right.

    Returns:
        Nats, where they count (1 or 0), and values of `Span`, each of shape `(B, T)`.
    """
    rows = [[*one.prompt_ids, *one.completion_ids] for one in rollouts]
    longest = max(map(len, rows))
    ids = torch.tensor([row + [pad] * (longest - len(row)) for row in rows])
    mask, spans = torch.zeros_like(ids), torch.zeros_like(ids)
    for at, one in enumerate(rollouts):
        said = slice(len(one.prompt_ids), len(rows[at]))
        mask[at, said] = 1
        spans[at, said] = torch.tensor([int(span) for span in one.spans])
    told = model(input_ids=ids).logits[:, :-1].log_softmax(-1)  # (B, T - 1, V)
    logprobs = told.gather(2, ids[:, 1:, None])[:, :, 0]
    return logprobs, mask[:, 1:], spans[:, 1:]


def _gradients(
    model: Any, reference: Any, rollouts: Sequence[Rollout], part: str, pad: int
) -> Sums:
    """Gradients of the reward, of imitation and of the KL penalty."""
    logprobs, mask, spans = sample_logprobs(model, rollouts, pad)
    with torch.no_grad():
        before, _, _ = sample_logprobs(reference, rollouts, pad)
    rewards = torch.tensor([one.rewards[part] for one in rollouts])
    groups = torch.tensor([one.group for one in rollouts])
    means = torch.stack([rewards[groups == group].mean() for group in groups])
    kinds = torch.where(mask.bool(), int(Kind.SAMPLED), int(Kind.GIVEN))
    batch = Batch(
        logprobs,
        logprobs.detach(),
        (rewards - means)[:, None].expand_as(logprobs),
        kinds,
        before,
    )
    terms = {
        name: losses / len(rollouts)
        for name, losses in loss_terms(batch, Loss()).items()
        if name != "sft"
    }
    terms["sft"] = -logprobs * (rewards == 1)[:, None] / (rewards == 1).sum().clamp(min=1)
    sums: Sums = {}
    add_span_gradients(sums, terms, mask, spans, list(model.parameters()))
    return sums
