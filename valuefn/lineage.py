"""Where a head comes from, and names made of contents: of its training data, of the head itself."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forethought.valuefn.data import Dataset

_LENGTH = 8
"""Bytes of a name; written as twice as many hexadecimal digits."""


@dataclass(frozen=True, slots=True)
class Origin:
    """How a head came to be; no part of what it answers. Empty where nobody knows."""

    created: str = ""
    """When it was first saved: date and time in UTC, as ISO 8601 writes them."""
    version: str = ""
    """Of the library that trained it."""
    parent: str = ""
    """Id of the head whose training it continued."""
    data: str = ""
    """Digest of the training data, `data_digest`."""


def data_digest(data: Dataset) -> str:
    """A name for what a head learns from: texts, order, links and outcomes of all transitions."""
    digest = hashlib.blake2b(digest_size=_LENGTH)
    for texts in (data.states, data.thoughts, data.prefixes, data.goals, data.episodes):
        digest.update(json.dumps(texts).encode())
    for column in (data.groups, data.state, data.thought, data.prefix, data.episode, data.step):
        digest.update(np.ascontiguousarray(column).tobytes())
    digest.update(np.nan_to_num(data.reached, nan=-1.0).tobytes())
    return digest.hexdigest()


def content_id(parts: object, arrays: Mapping[str, NDArray[Any]]) -> str:
    """A name for a head: equal names, equal answers.

    Args:
        parts: What is no array, in JSON's own kinds.
        arrays: Weights, blocks and reference points by name.
    """
    digest = hashlib.blake2b(digest_size=_LENGTH)
    digest.update(json.dumps(parts, sort_keys=True).encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def changed(record: Any) -> dict[str, Any]:
    """The fields of a dataclass that are not at their defaults.

    A field that a later version adds leaves the names of older heads as they were.
    """
    values = {each.name: (getattr(record, each.name), each.default) for each in fields(record)}
    return {name: value for name, (value, default) in values.items() if value != default}
