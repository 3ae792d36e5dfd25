"""The trained critic in NumPy: what a decision costs at run time.

The same function as the critics of `network`, without torch, so that an agent that only uses a head
need not load it.
"""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from forethought.agent.errors import HeadError
from forethought.valuefn.calibration import sigmoid

Floats = NDArray[np.float32]
LAYERS = 3


def _activate(h: Floats) -> Floats:
    """SiLU, then layer normalisation, over the last axis of shape `(K, B, H)`."""
    h = h / (1 + np.exp(-h))
    mean = np.float32(1 / h.shape[-1])
    h -= np.add.reduce(h, axis=-1, keepdims=True) * mean
    spread = np.einsum("kbi,kbi->kb", h, h)[..., None] * mean
    h /= np.sqrt(spread + np.float32(1e-5))
    return h


def _mlp(weights: Mapping[str, Floats], name: str, x: Floats) -> Floats:
    """Outputs of shape `(K, B, O)` for inputs of shape `(B, I)`."""
    h: Floats = x[None]
    layers = LAYERS if f"{name}.weights.1" in weights else 1
    for layer in range(layers):
        h = h @ weights[f"{name}.weights.{layer}"] + weights[f"{name}.biases.{layer}"]
        if layer + 1 < layers:
            h = _activate(h)
    return h


class Critic:
    """An ensemble of twin critics.

    Args:
        weights: Parameters by name, as the critics of `network` name them; twins lie side by side.

    Raises:
        HeadError: If a parameter is missing or does not fit the others.
    """

    def __init__(self, weights: Mapping[str, Floats]) -> None:
        self.weights = dict(weights)
        self._concat = "wanted" in self.weights
        judged, goal = ("given", "wanted") if self._concat else ("phi", "psi.weights.0")
        try:
            self.inputs = self.weights[f"{judged}.weights.0"].shape[1]
            self.goals = self.weights[goal].shape[1]
            self._hidden = self._width(judged)
            one = self.embed(np.zeros((1, self.goals), dtype=np.float32))
            self.scores(np.zeros((1, self.inputs), dtype=np.float32), one)
        except (KeyError, ValueError, IndexError) as error:
            raise HeadError(f"the head's weights do not fit together: {error}") from error

    def _width(self, judged: str) -> int:
        """Units of a hidden layer, or where there is none, of the shared space."""
        if f"{judged}.weights.1" in self.weights:
            return int(self.weights[f"{judged}.weights.1"].shape[1])
        return int(self.weights[f"{judged}.weights.0"].shape[2]) - 1

    def embed(self, g: Floats) -> Floats:
        """What the critics make of goals, once for many thoughts.

        Args:
            g: Goals, shape `(G, goals)`.

        Returns:
            For `scores`, shape `(2 M, G, E)`.
        """
        if self._concat:
            read: Floats = g[None] @ self.weights["wanted"] + self.weights["given.biases.0"]
            return read
        return _mlp(self.weights, "psi", g)

    def scores(self, x: Floats, q: Floats) -> Floats:
        """Raw scores of each ensemble member, its twins averaged.

        Args:
            x: State, thought and prefix, shape `(B, inputs)`.
            q: Goals as `embed` gives them.

        Returns:
            Shape `(M, B, G)`, in [0, 1].
        """
        chances = sigmoid(self._together(x, q) if self._concat else self._products(x, q))
        pairs: Floats = chances.reshape(-1, 2, *chances.shape[1:]).mean(axis=1)
        return pairs

    def _products(self, x: Floats, q: Floats) -> Floats:
        """Logits of a bilinear critic, shape `(2 M, B, G)`."""
        p = _mlp(self.weights, "phi", x)
        logits = p[..., :-1] @ q[..., :-1].transpose(0, 2, 1) / np.float32(math.sqrt(self._hidden))
        logits += p[..., -1:] + q[..., -1:].transpose(0, 2, 1)
        found: Floats = logits
        return found

    def _together(self, x: Floats, q: Floats) -> Floats:
        """Logits of a concatenating critic, shape `(2 M, B, G)`; one head at a time, for memory."""
        found = np.empty((len(q), len(x), q.shape[1]), dtype=np.float32)
        weights = [self.weights[f"given.weights.{layer}"] for layer in range(LAYERS)]
        biases = [self.weights[f"given.biases.{layer}"] for layer in range(LAYERS)]
        for head in range(len(q)):
            h = ((x @ weights[0][head])[:, None] + q[head]).reshape(1, -1, self._hidden)
            for weight, bias in zip(weights[1:], biases[1:], strict=True):
                h = _activate(h) @ weight[head] + bias[head]
            found[head] = h.reshape(found.shape[1:])
        return found
