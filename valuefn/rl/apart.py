"""Reading the parts of a rollout each by itself, as they were drawn: a new prompt saw nothing.

A rollout that was asked anew is one row of an update, and several sequences to the model. The rows
are taken apart, read side by side, and the figures put back in place. Gradients flow through. Each
chunk of rows is one pass, however many parts it has, so that processes keep in step.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from forethought.agent.errors import needs
from forethought.valuefn.rl.losses import INSTALL
from forethought.valuefn.rl.tokens import Kind, Rollout

with needs("fine-tuning", INSTALL):
    import torch
    from torch import Tensor
    from trl import GRPOTrainer

Figures = tuple[Tensor, Any, Any]
"""Log-probabilities and entropies of the last tokens, shape `(N, keep)`, and a loss beside them;
`None` for the last two where they were not asked for."""
Read = Callable[[Tensor, Tensor, int], Figures]
"""Of ids and mask, shape `(N, L)`, and how many last tokens are wanted, at least 1."""


def read_apart(
    read: Read, ids: Tensor, mask: Tensor, parts: Tensor, wanted: Tensor, pad: int
) -> Figures:
    """What `read` finds of each token, had its part been alone.

    Args:
        read: Runs the model.
        ids: Prompt and completion, shape `(B, P + T)`.
        mask: 1 for tokens, 0 for padding, shape `(B, P + T)`.
        parts: New prompts up to each completion token, shape `(B, T)`.
        wanted: Completion tokens that figures are wanted of, shape `(B, T)`, bool; at least one in
            all, and none that a part begins with.
        pad: Token that fills the left.

    Returns:
        Figures of shape `(B, T)`, 0 where not wanted.
    """
    before = ids.shape[1] - parts.shape[1]
    every = torch.cat([parts.new_zeros(len(parts), before), parts], dim=1)
    places: list[tuple[int, list[int], int]] = []  # row, its columns, how many last ones count
    for row in range(len(ids)):
        for part in range(int(parts[row].max()) + 1):
            here = ((every[row] == part) & mask[row].bool()).nonzero()[:, 0].tolist()
            counts = [at for at in here if at >= before and wanted[row, at - before]]
            if counts:
                places.append((row, here, len(here) - here.index(counts[0])))
    longest = max(len(here) for _, here, _ in places)
    keep = max(count for _, _, count in places)
    apart = ids.new_full((len(places), longest), pad)
    on = mask.new_zeros((len(places), longest))
    for at, (row, here, _) in enumerate(places):
        apart[at, longest - len(here) :] = ids[row, here]
        on[at, longest - len(here) :] = 1
    logprobs, entropies, beside = read(apart, on, keep)
    to = [(row, column - before) for row, here, count in places for column in here[-count:]]
    taken = [
        (at, keep - count + number)
        for at, (_, _, count) in enumerate(places)
        for number in range(count)
    ]

    def put_back(found: Tensor) -> Tensor:
        rows, columns = (torch.tensor(one, device=ids.device) for one in zip(*to, strict=True))
        some, which = (torch.tensor(one, device=ids.device) for one in zip(*taken, strict=True))
        whole = found.new_zeros(parts.shape).index_put((rows, columns), found[some, which])
        return torch.where(wanted, whole, torch.zeros_like(whole))

    return put_back(logprobs), None if entropies is None else put_back(entropies), beside


class ApartTrainer(GRPOTrainer):  # type: ignore[misc]  # TRL is not read by the type checker
    """TRL's trainer, which reads the parts of its rollouts each by itself."""

    fresh: tuple[Rollout, ...] = ()
    """The rollouts of the batch that was made last, in its order."""

    def parts(self, longest: int, device: torch.device) -> Mapping[str, Tensor]:
        """What a batch holds besides where a rollout was asked anew.

        Args:
            longest: Completion tokens of the longest row.
            device: Where it lies.
        """
        if not any(one.fresh for one in self.fresh):
            return {}
        return {"parts": padded([one.parts for one in self.fresh], longest, 0, device)}

    def figures(self, model: Any, inputs: Mapping[str, Any], **how: Any) -> Figures:
        """Log-probabilities and entropies of the completions of some rows, and TRL's third one.

        Args:
            model: The policy.
            inputs: The rows, with `kinds`, and `parts` where one was asked anew.
            how: Passed to TRL.
        """
        ids = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], dim=1)
        mask = torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], dim=1)
        if "parts" in inputs:
            return self._read(model, ids, mask, inputs["parts"], inputs["kinds"], **how)
        return self._of_trl(model, ids, mask, inputs["completion_ids"].shape[1], **how)

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: Tensor,
        attention_mask: Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        **how: Any,
    ) -> Figures:
        """What TRL asks for by itself, of all rows of the batch that was made last."""
        found = self.parts(logits_to_keep, input_ids.device)
        if not found:
            return self._of_trl(
                model, input_ids, attention_mask, logits_to_keep, batch_size=batch_size, **how
            )
        kinds = padded(
            [one.kinds for one in self.fresh], logits_to_keep, Kind.GIVEN, input_ids.device
        )
        rows = (input_ids, attention_mask, found["parts"], kinds)
        chunks = zip(*(torch.split(one, batch_size or len(one)) for one in rows), strict=True)
        logprobs, entropies, beside = zip(
            *(self._read(model, *chunk, **how) for chunk in chunks), strict=True
        )
        return torch.cat(logprobs), _all(entropies, torch.cat), _all(beside, _mean)

    def _read(
        self, model: Any, ids: Tensor, mask: Tensor, parts: Tensor, kinds: Tensor, **how: Any
    ) -> Figures:
        def read(apart: Tensor, on: Tensor, keep: int) -> Figures:
            return self._of_trl(model, apart, on, keep, **how)

        pad = self.processing_class.pad_token_id
        return read_apart(read, ids, mask, parts, kinds != Kind.GIVEN, pad)

    def _of_trl(self, *rows: Any, **how: Any) -> Figures:
        found: Figures = super()._get_per_token_logps_and_entropies(*rows, **how)
        return found


def padded(rows: Sequence[Sequence[int]], longest: int, fill: int, device: torch.device) -> Tensor:
    """Rows of one length, filled up on the right, shape `(B, longest)`."""
    full = [[*map(int, row), *[int(fill)] * (longest - len(row))] for row in rows]
    return torch.tensor(full, device=device)


def _all(found: tuple[Tensor | None, ...], join: Callable[[list[Tensor]], Tensor]) -> Tensor | None:
    """All joined; `None` where there are none."""
    some = [one for one in found if one is not None]
    return join(some) if some else None


def _mean(found: list[Tensor]) -> Tensor:
    return torch.stack(found).mean()
