from pathlib import Path

import pytest
import torch
from invented import WON, invented_traces

from forethought.agent.errors import ConfigError
from forethought.agent.types import Candidate
from forethought.valuefn.config import head_config
from forethought.valuefn.critic import LearnedValue
from forethought.valuefn.fit import fit_head
from forethought.valuefn.head import Head
from forethought.valuefn.inference import Critic
from forethought.valuefn.network import NETWORKS, ConcatCritic
from forethought.valuefn.train import weights_of

KINDS = sorted(NETWORKS)


def made(kind: str) -> tuple[torch.nn.Module, torch.Generator]:
    generator = torch.Generator().manual_seed(0)
    return NETWORKS[kind](4, 5, 3, 8, generator), generator


@pytest.mark.parametrize("kind", KINDS)
def test_shared_goals_and_goals_of_its_own_give_the_same_logits(kind: str) -> None:
    critic, generator = made(kind)
    x, g = (torch.randn(shape, generator=generator) for shape in ((6, 5), (7, 3)))
    shared = critic(x, g)
    assert shared.shape == (4, 6, 7)
    assert torch.allclose(critic(x, g.expand(6, 7, 3)), shared, atol=1e-5)
    one = torch.stack([critic(x, g[:, None][:6])[:, i, 0] for i in range(6)], dim=1)
    assert torch.allclose(one, torch.diagonal(shared, dim1=1, dim2=2), atol=1e-5)
    assert torch.allclose(critic(x[:1], g), shared[:, :1], atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_without_torch_the_scores_are_the_same(kind: str) -> None:
    critic, generator = made(kind)
    x, g = (torch.randn(shape, generator=generator) for shape in ((6, 5), (7, 3)))
    expected = critic(x, g).sigmoid().view(2, 2, 6, 7).mean(dim=1).detach().numpy()
    plain = Critic(weights_of(critic))
    assert plain.inputs == 5
    assert plain.goals == 3
    assert plain.scores(x.numpy(), plain.embed(g.numpy())) == pytest.approx(expected, abs=1e-6)


def test_concat_is_a_perceptron_of_both_side_by_side() -> None:
    critic = ConcatCritic(1, 5, 3, 8, torch.Generator().manual_seed(1))
    x = torch.randn((6, 8), generator=torch.Generator().manual_seed(2))
    weights, biases = list(critic.given.weights), list(critic.given.biases)
    h = x @ torch.cat([weights[0][0], critic.wanted[0]]) + biases[0][0]
    for weight, bias in zip(weights[1:], biases[1:], strict=True):
        h = torch.nn.functional.silu(h)
        h = (h - h.mean(1, keepdim=True)) / (h.var(1, correction=0, keepdim=True) + 1e-5).sqrt()
        h = h @ weight[0] + bias[0]
    assert torch.allclose(critic(x[:, :5], x[:, None, 5:])[0], h, atol=1e-5)
    assert weights[0].abs().max() <= 8**-0.5


@pytest.mark.parametrize("objective", ["iql", "monte-carlo"])
def test_a_concat_head_learns_is_saved_and_gone_on_from(objective: str, tmp_path: Path) -> None:
    traces = invented_traces(120)
    config = head_config(
        objective, network="concat", members=1, hidden=16, steps=75, batch=96, polyak=0.2
    )
    head = fit_head(traces, config)
    assert head.metrics["held_out"]["auc"] > 0.7
    head.save_pretrained(tmp_path / "head")
    again = LearnedValue(Head.from_pretrained(tmp_path / "head"))
    step = traces[0].steps[0]
    asked = (step.state, [Candidate(step.decision.candidate.thought)], [WON])
    assert again.estimate(*asked) == LearnedValue(head).estimate(*asked)
    fit_head(traces, config.model_copy(update={"steps": 25}), start=head)
    with pytest.raises(ConfigError, match="network"):
        fit_head(traces, config.model_copy(update={"network": "bilinear"}), start=head)
