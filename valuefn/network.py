"""Value networks: ensembles of goal-conditioned critics, evaluated all at once.

`BilinearCritic` maps what was done, `x = [state, thought, prefix]`, and the goal `g` to one space
and takes their inner product: `logit(x, g) = phi(x) . psi(g) / sqrt(H) + b(g) + c(x)`. All thoughts
of a decision meet all goals for the price of one matrix product, and a goal sentence that names a
number gets its own read-out, as the classes of a classifier do. Bilinear goal-conditioned values:
Hong et al. 2022 (arXiv 2204.13695).

`ConcatCritic` is the perceptron of OGBench (arXiv 2410.20092) and PNLC: `[x, g]` together through
two hidden layers. It can tell apart what an inner product cannot, and pays for each pair.

`LinearCritic` is `BilinearCritic` without hidden layers, for a thousand episodes or fewer, on which
a perceptron overfits before it has learned what a regularised linear model learns.

Either takes goals that all transitions share, `(G, Dg)`, or goals of each transition's own,
`(B, P, Dg)`. What a critic makes of goals, `embed`, is reckoned once for all that meets them. All
`K` heads share one set of stacked weights and batched products; they share no parameter.
"""

import itertools
import math
from collections.abc import Mapping
from types import MappingProxyType

from forethought.agent.errors import needs

with needs("training value heads", "pip install 'forethought[value]'"):
    import torch
    from torch import Tensor, nn
    from torch.nn import functional


class Layers(nn.Module):
    """Stacked weights and biases of `K` perceptrons.

    Args:
        heads: Number of perceptrons, `K`.
        widths: Width of the input and of each layer's output.
        generator: Owner of the randomness of the initial weights.
    """

    def __init__(self, heads: int, widths: list[int], generator: torch.Generator) -> None:
        super().__init__()
        self.weights = nn.ParameterList()
        self.biases = nn.ParameterList()
        for wide, narrow in itertools.pairwise(widths):
            bound = 1 / math.sqrt(max(wide, 1))
            weight = torch.empty(heads, wide, narrow).uniform_(-bound, bound, generator=generator)
            self.weights.append(nn.Parameter(weight))
            self.biases.append(nn.Parameter(torch.zeros(heads, 1, narrow)))


class StackedMLP(Layers):
    """`K` independent perceptrons with layer normalisation, evaluated together.

    With no hidden layer, linear maps.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Outputs of shape `(K, B, outputs)` for inputs of shape `(B, inputs)`."""
        h = x.expand(self.weights[0].shape[0], *x.shape)
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            h = torch.baddbmm(bias, h, weight)
            if layer + 1 < len(self.weights):
                h = _activate(h)
        return h


class GoalCritic(nn.Module):
    """`K` goal-conditioned critics, or values of states."""

    def forward(self, x: Tensor, g: Tensor) -> Tensor:
        """Logits, shape `(K, B, G)` or `(K, B, P)`.

        Args:
            x: What is judged, shape `(B, inputs)`.
            g: Goals for all, shape `(G, goals)`, or for each its own, shape `(B, P, goals)`.
        """
        return self.score(x, self.embed(g))

    def embed(self, g: Tensor) -> Tensor:
        """What the critics make of goals, for `score`: shape `(K, G, E)` or `(K, B, P, E)`."""
        raise NotImplementedError

    def score(self, x: Tensor, embedded: Tensor) -> Tensor:
        """Logits as `forward` gives them, of goals as `embed` gives them."""
        raise NotImplementedError


class BilinearCritic(GoalCritic):
    """Inner products of two perceptrons' outputs.

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
        self.phi = StackedMLP(heads, [inputs, hidden, hidden, hidden + 1], generator)
        self.psi = StackedMLP(heads, [goals, hidden, hidden, hidden + 1], generator)

    def embed(self, g: Tensor) -> Tensor:
        """One vector and one number a goal: `E = H + 1`."""
        q: Tensor = self.psi(g.reshape(-1, g.shape[-1]))
        return q.view(-1, *g.shape[:-1], self.hidden + 1)

    def score(self, x: Tensor, embedded: Tensor) -> Tensor:
        """Logits, shape `(K, B, G)` or `(K, B, P)`."""
        p, q = self.phi(x), embedded
        scale = math.sqrt(self.hidden)
        if q.dim() == 4:  # each transition's own goals
            own: Tensor = (
                torch.matmul(q[..., :-1], p[..., :-1, None]).squeeze(-1) / scale
            )  # (K, B, P)
            own += p[..., -1:] + q[..., -1]
            return own
        cross = torch.bmm(p[..., :-1], q[..., :-1].transpose(1, 2)) / scale
        logits: Tensor = cross + p[..., -1:] + q[..., -1:].transpose(1, 2)
        return logits


class LinearCritic(BilinearCritic):
    """Inner products of two linear maps: a goal has one coefficient for each input.

    What is judged starts at zero: before training, it makes no difference.

    Args:
        heads: Number of critics, `K`.
        inputs: Width of what is judged.
        goals: Width of a goal.
        hidden: Width of the shared space, `H`.
        generator: Owner of the randomness of the initial weights.
    """

    def __init__(
        self, heads: int, inputs: int, goals: int, hidden: int, generator: torch.Generator
    ) -> None:
        GoalCritic.__init__(self)
        self.hidden = hidden
        self.phi = StackedMLP(heads, [inputs, hidden + 1], generator)
        self.psi = StackedMLP(heads, [goals, hidden + 1], generator)
        nn.init.zeros_(self.phi.weights[0])


class ConcatCritic(GoalCritic):
    """Perceptrons of two hidden layers that read what is judged and the goal together.

    The first layer is a sum of two products, so that neither side is reckoned again for each pair.

    Args:
        heads: Number of critics, `K`.
        inputs: Width of what is judged.
        goals: Width of a goal.
        hidden: Width of hidden layers, `H`.
        generator: Owner of the randomness of the initial weights.
    """

    def __init__(
        self, heads: int, inputs: int, goals: int, hidden: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.given = Layers(heads, [inputs, hidden, hidden, 1], generator)
        bound = 1 / math.sqrt(inputs + goals)  # both sides are inputs of one layer
        wanted = torch.empty(heads, goals, hidden).uniform_(-bound, bound, generator=generator)
        self.wanted = nn.Parameter(wanted)
        with torch.no_grad():
            self.given.weights[0].mul_(bound * math.sqrt(max(inputs, 1)))

    def embed(self, g: Tensor) -> Tensor:
        """The goals' part of the first layer, its bias with it: `E = H`."""
        flat = g.reshape(-1, g.shape[-1])
        heads = len(self.wanted)
        q: Tensor = torch.baddbmm(
            self.given.biases[0], flat.expand(heads, *flat.shape), self.wanted
        )
        return q.view(heads, *g.shape[:-1], -1)

    def score(self, x: Tensor, embedded: Tensor) -> Tensor:
        """Logits, shape `(K, B, G)` or `(K, B, P)`."""
        first, *weights = self.given.weights
        heads, given = len(first), x.expand(len(first), *x.shape)
        if embedded.dim() == 4 and embedded.shape[2] == 1:
            h = torch.baddbmm(embedded[:, :, 0], given, first)
        else:
            own = embedded if embedded.dim() == 4 else embedded[:, None]
            h = (torch.bmm(given, first)[:, :, None] + own).flatten(1, 2)  # (K, B G, H)
        h = _activate(torch.baddbmm(self.given.biases[1], _activate(h), weights[0]))
        # a product with one column is slow as a matrix product
        last: Tensor = (h * weights[1].transpose(1, 2)).sum(dim=-1) + self.given.biases[2][..., 0]
        return last.view(heads, len(x), -1)


NETWORKS: Mapping[str, type[BilinearCritic | ConcatCritic]] = MappingProxyType(
    {"bilinear": BilinearCritic, "concat": ConcatCritic, "linear": LinearCritic}
)


def _activate(h: Tensor) -> Tensor:
    return functional.layer_norm(functional.silu(h), h.shape[-1:])
