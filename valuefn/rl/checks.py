"""`check_tokens`: whether what trains is what was generated, and nothing else.

Compares records with records; runs no model. The first thing found wrong is told in one line.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from forethought.agent.errors import DataError
from forethought.valuefn.rl.tokens import Kind, Rollout


@dataclass(frozen=True, slots=True)
class Checked:
    """What a batch of rollouts holds, once it was found right."""

    rollouts: int
    tokens: Mapping[str, int]
    """Completion tokens by kind."""
    trained: Mapping[str, int]
    """Completion tokens that carry loss, by kind."""


def check_tokens(
    rollouts: Sequence[Rollout],
    trains: Sequence[Sequence[int]],
    *,
    allowed: frozenset[Kind] = frozenset({Kind.SAMPLED}),
    fed: Sequence[Sequence[int]] | None = None,
) -> Checked:
    """Verify rollouts and the masks that say which of their tokens carry loss.

    Args:
        rollouts: What was generated.
        trains: For each rollout one 0 or 1 for each completion token.
        allowed: Kinds that may carry loss.
        fed: For each rollout the tokens, prompt first, that go into the update; `None` to leave
            that out.

    Raises:
        DataError: If lengths differ, a log-probability is no number or above 0, a turn ends outside
            the completion, loss falls on a kind that may not carry any, no token would train, or
            the tokens are not those that the model saw.
    """
    _require(len(rollouts) > 0, "no rollouts to check")
    _require(
        len(trains) == len(rollouts),
        f"{len(rollouts)} rollouts but {len(trains)} masks: give one mask for each",
    )
    tokens: Counter[Kind] = Counter()
    trained: Counter[Kind] = Counter()
    for place, (rollout, mask) in enumerate(zip(rollouts, trains, strict=True)):
        where = f"rollout {place} (task {rollout.task!r})"
        _check_lengths(rollout, mask, where)
        _check_logprobs(rollout, where)
        _check_mask(rollout, mask, allowed, where)
        _check_seen(rollout, fed[place] if fed is not None else None, where)
        tokens.update(rollout.kinds)
        trained.update(kind for kind, on in zip(rollout.kinds, mask, strict=True) if on)
    _require(bool(trained), "no token of any rollout carries loss: nothing would train")
    return Checked(len(rollouts), _named(tokens), _named(trained))


def _named(counts: Counter[Kind]) -> dict[str, int]:
    return {kind.name.lower(): count for kind, count in counts.items()}


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise DataError(f"check-tokens: {message}")


def _check_lengths(rollout: Rollout, mask: Sequence[int], where: str) -> None:
    wanted = len(rollout.completion_ids)
    _require(wanted > 0, f"{where} has no completion tokens")
    _require(len(rollout.prompt_ids) > 0, f"{where} has no prompt tokens")
    for name, found in (
        ("log-probabilities", len(rollout.logprobs)),
        ("kinds", len(rollout.kinds)),
        ("spans", len(rollout.spans)),
        ("mask entries", len(mask)),
    ):
        _require(found == wanted, f"{where} has {wanted} completion tokens but {found} {name}")
    ends = (0, *rollout.ends)
    rising = all(a <= b for a, b in pairwise(ends))
    _require(rising and ends[-1] <= wanted, f"{where} has turns that end outside its tokens")
    edges = (0, *rollout.fresh, wanted)
    _require(
        all(a < b for a, b in pairwise(edges))
        and all(rollout.kinds[at] == Kind.GIVEN for at in rollout.fresh),
        f"{where} has new prompts that do not begin with a given token inside its completion",
    )


def _check_logprobs(rollout: Rollout, where: str) -> None:
    for at, (value, kind) in enumerate(zip(rollout.logprobs, rollout.kinds, strict=True)):
        # a rounding error above 0 is none
        if kind != Kind.GIVEN and not -math.inf < value <= 1e-4:
            raise DataError(
                f"check-tokens: {where} has log-probability {value} at token {at}: it must be "
                "finite and at most 0"
            )


def _check_mask(
    rollout: Rollout, mask: Sequence[int], allowed: frozenset[Kind], where: str
) -> None:
    for at, (on, kind) in enumerate(zip(mask, rollout.kinds, strict=True)):
        if on not in (0, 1):
            raise DataError(
                f"check-tokens: {where} has mask entry {on} at token {at}: it must be 0 or 1"
            )
        if on and kind not in allowed:
            may = ", ".join(sorted(one.name.lower() for one in allowed))
            raise DataError(
                f"check-tokens: {where} has loss on token {at}, which is {kind.name.lower()}: "
                f"only {may} tokens may carry loss"
            )


def _check_seen(rollout: Rollout, fed: Sequence[int] | None, where: str) -> None:
    whole = rollout.prompt_ids + rollout.completion_ids
    pairs = (("the model saw", _read(rollout), rollout.seen), ("the update is fed", whole, fed))
    for what, wanted, ids in pairs:
        if not ids:
            continue
        differs = _first_difference(wanted, tuple(ids))
        _require(
            differs is None,
            f"{where}: the recorded tokens and those {what} differ at token {differs}",
        )


def _read(rollout: Rollout) -> tuple[int, ...]:
    """What was read while generating: all but the last token drawn after each prompt."""
    whole = rollout.prompt_ids + rollout.completion_ids
    first = len(rollout.prompt_ids)
    edges = (0, *(first + at for at in rollout.fresh), len(whole))
    return tuple(token for a, b in pairwise(edges) for token in whole[a : b - 1])


def _first_difference(one: Sequence[int], other: Sequence[int]) -> int | None:
    if tuple(one) == tuple(other):
        return None
    pairs = zip(one, other, strict=False)
    shorter = min(len(one), len(other))
    return next((at for at, (a, b) in enumerate(pairs) if a != b), shorter)
