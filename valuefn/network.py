"""The value network: an ensemble of bilinear goal-conditioned critics, evaluated all at once.

A critic maps what was done, `x = [state, thought, prefix]`, and the goal `g` to one space and takes
their inner product: `logit(x, g) = phi(x) . psi(g) / sqrt(H) + b(g) + c(x)`. Every thought of a
decision meets every goal for the price of one matrix product, and a goal sentence that names a
number gets its own read-out, as the classes of a classifier do. Bilinear goal-conditioned values:
Hong et al. 2022 (arXiv 2204.13695).

All `K` heads share one set of stacked weights and one batched product; they share no parameter.
"""

import math

from forethought.agent.errors import needs

with needs("training value heads", "pip install 'forethought[value]'"):
    import torch
    from torch import Tensor, nn
    from torch.nn import functional


class StackedMLP(nn.Module):
    """`K` independent two-hidden-layer perceptrons with layer normalisation, evaluated together.

    Args:
        heads: Number of heads, `K`.
        inputs: Width of the input.
        hidden: Width of both hidden layers.
        outputs: Width of the output.
        generator: Owner of the randomness of the initial weights.
    """

    def __init__(
        self, heads: int, inputs: int, hidden: int, outputs: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        widths = [(inputs, hidden), (hidden, hidden), (hidden, outputs)]
        self.weights = nn.ParameterList()
        self.biases = nn.ParameterList()
        for wide, narrow in widths:
            bound = 1 / math.sqrt(max(wide, 1))
            weight = torch.empty(heads, wide, narrow).uniform_(-bound, bound, generator=generator)
            self.weights.append(nn.Parameter(weight))
            self.biases.append(nn.Parameter(torch.zeros(heads, 1, narrow)))

    def forward(self, x: Tensor) -> Tensor:
        """Outputs of shape `(K, B, outputs)` for inputs of shape `(B, inputs)`."""
        h = x.expand(self.weights[0].shape[0], *x.shape)
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            h = torch.baddbmm(bias, h, weight)
            if layer + 1 < len(self.weights):
                h = functional.layer_norm(functional.silu(h), h.shape[-1:])
        return h


class BilinearCritic(nn.Module):
    """`K` bilinear critics.

    Args:
        heads: Number of critics, `K`.
        inputs: Width of what is judged.
        goals: Width of a goal.
        hidden: Width of hidden layers and of the shared space, `H`.
        generator: Owner of the randomness of the initial weights.
    """

    def __init__(
        self, heads: int, inputs: int, goals: int, hidden: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.hidden = hidden
        self.phi = StackedMLP(heads, inputs, hidden, hidden + 1, generator)
        self.psi = StackedMLP(heads, goals, hidden, hidden + 1, generator)

    def forward(self, x: Tensor, g: Tensor) -> Tensor:
        """Logits of shape `(K, B, G)` for `x` of shape `(B, inputs)` and `g` of `(G, goals)`."""
        p, q = self.phi(x), self.psi(g)
        cross = torch.bmm(p[..., :-1], q[..., :-1].transpose(1, 2)) / math.sqrt(self.hidden)
        logits: Tensor = cross + p[..., -1:] + q[..., -1:].transpose(1, 2)
        return logits
