"""What is checked before a head is trained, so that bad input is said and not learned."""

import numpy as np
from numpy.typing import NDArray

from forethought.agent.errors import DataError, UnknownName
from forethought.agent.protocols import Encoder
from forethought.valuefn.data import Dataset
from forethought.valuefn.features import Floats


def check_split(
    data: Dataset, train: NDArray[np.bool_], held: NDArray[np.bool_], focus: str
) -> None:
    """See that both sides of the split can do their part.

    Args:
        data: The data set.
        train: Which episodes are trained on, shape `(E,)`.
        held: Which are held out, shape `(E,)`.
        focus: Outcome sentence that matters most; empty for none.

    Raises:
        DataError: If nothing is held out, or nothing can be learned from the rest.
        UnknownName: If no episode names the focus.
    """
    if not held.any():
        raise DataError(
            "all episodes are of one group, so none can be held out; give episodes of at least "
            "two groups (instances, or the fact `group`)"
        )
    if not _varied(data.reached[train]).any():
        raise DataError(
            f"no outcome sentence both came true and failed among the {train.sum()} episodes to "
            "train on; give more episodes"
        )
    if np.isnan(data.reached[held]).all():
        raise DataError("none of the held-out episodes says how it ended; give more episodes")
    if focus and focus not in data.goals:
        raise UnknownName("goal", focus, data.goals)
    if focus and not _varied(data.reached[:, [data.goals.index(focus)]]).any():
        raise DataError(
            f"the focus {focus!r} came out the same way in every episode; there is nothing to "
            "learn about it"
        )


def never_reached(data: Dataset) -> list[str]:
    """Outcome sentences that some episodes name and none reached: a head only learns a floor."""
    named, reached = ~np.isnan(data.reached).all(axis=0), (data.reached == 1).any(axis=0)
    return [goal for goal, gone in zip(data.goals, named & ~reached, strict=True) if gone]


def encode_texts(encoder: Encoder, data: Dataset) -> dict[str, Floats]:
    """Encodings of states, thoughts, prefixes and goals, by block name.

    Raises:
        DataError: If vectors are not finite or not of the encoder's width.
    """
    texts = {
        "state": data.states,
        "thought": data.thoughts,
        "prefix": data.prefixes,
        "goal": data.goals,
    }
    encoded = {name: encoder.encode(found) for name, found in texts.items()}
    for name, vectors in encoded.items():
        if vectors.shape != (len(texts[name]), encoder.dim):
            raise DataError(
                f"encoder {encoder.name} gave vectors of shape {vectors.shape} for "
                f"{len(texts[name])} {name} texts, not {(len(texts[name]), encoder.dim)}"
            )
        if not np.isfinite(vectors).all():
            raise DataError(f"the encoder gave numbers that are not finite for some {name} texts")
    return encoded


def _varied(reached: Floats) -> NDArray[np.bool_]:
    """Outcome sentences that came true in some episodes and failed in others, shape `(G,)`."""
    varied: NDArray[np.bool_] = np.fmin.reduce(reached) < np.fmax.reduce(reached)
    return varied
