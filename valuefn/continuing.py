"""Going on from a trained head with new traces: what stays, what may grow, what is checked.

The encoder and the input blocks stay, so that every input means what it meant. Outcome sentences
may be added; those the new traces never name are kept. The value of states, which a head does not
store, starts as the critic's own view of a state with the mean thought and prefix.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from forethought.agent.errors import ConfigError, HeadError, needs
from forethought.agent.protocols import Encoder
from forethought.valuefn.config import HeadConfig
from forethought.valuefn.data import Dataset
from forethought.valuefn.features import Block, Floats
from forethought.valuefn.head import Head
from forethought.valuefn.objectives import Networks

with needs("training value heads", "pip install 'forethought[value]'"):
    import torch


def check_start(start: Head, config: HeadConfig, encoder: Encoder) -> None:
    """See that a head can be gone on from with these settings.

    Raises:
        HeadError: If it was trained with another encoder.
        ConfigError: If the settings ask for networks of another size.
    """
    if start.fingerprint != encoder.fingerprint:
        raise HeadError(
            f"the head to start from was trained with encoder {start.fingerprint}, "
            f"not {encoder.fingerprint}; train with --encoder {start.config.encoder}"
        )
    for name in ("network", "hidden", "members"):
        had, asked = getattr(start.config, name), getattr(config, name)
        if had != asked:
            raise ConfigError(
                f"the head to start from has {name} {had}, the settings say {asked}; "
                f"leave {name} as it was, or train without a start"
            )


def with_goals(data: Dataset, goals: tuple[str, ...]) -> Dataset:
    """The data with a head's outcome sentences first; what its episodes do not say is unknown."""
    added = [text for text in data.goals if text not in goals]
    column = {text: index for index, text in enumerate(data.goals)}
    reached = np.full((len(data.episodes), len(goals) + len(added)), np.nan, dtype=np.float32)
    for place, text in enumerate((*goals, *added)):
        if text in column:
            reached[:, place] = data.reached[:, column[text]]
    return replace(data, goals=[*goals, *added], reached=reached)


def unseen(encoded: Mapping[str, Floats], blocks: Mapping[str, Block]) -> dict[str, float]:
    """How much of the texts a head cannot see, by block: the mean share on columns new to it."""
    return {
        name: float(block.foreign(encoded[name]).mean()) if len(encoded[name]) else 0.0
        for name, block in blocks.items()
    }


def load_start(networks: Networks, start: Head) -> None:
    """Put a head's weights into the networks.

    Raises:
        ConfigError: If the networks are not of the head's sizes.
    """
    try:
        load_weights(networks, start.weights)
    except RuntimeError as error:
        raise ConfigError(
            "the head to start from has networks of another kind or size; leave the settings as "
            "they were, or train without a start"
        ) from error


def load_weights(networks: Networks, critic: Mapping[str, Floats]) -> None:
    """Put a critic's weights into all networks; torch raises `RuntimeError` if they do not fit."""
    weights = {name: torch.from_numpy(value.copy()) for name, value in critic.items()}
    networks.critic.load_state_dict(weights)
    networks.target.load_state_dict(weights)
    value = networks.value.state_dict()
    for name, tensor in value.items():
        # one of each pair of twins; of what is judged, only the state: inputs are centred, so that
        # leaving out thought and prefix is to take them at their mean
        value[name] = weights[name][::2, : tensor.shape[1]]
    networks.value.load_state_dict(value)


def weights_digest(start: Head | None) -> str:
    """Short hash of a head's weights; `nothing` without one."""
    if start is None:
        return "nothing"
    found = hashlib.blake2b(digest_size=16)
    for name in sorted(start.weights):
        found.update(name.encode())
        found.update(np.ascontiguousarray(start.weights[name]).data)
    return found.hexdigest()
