from pathlib import Path

import numpy as np
import pytest
from invented import RICH, WON, invented_traces
from sklearn.linear_model import LogisticRegression

from forethought.agent.errors import ConfigError
from forethought.agent.types import Candidate
from forethought.valuefn.cache import RememberingEncoder
from forethought.valuefn.calibration import logit
from forethought.valuefn.config import head_config
from forethought.valuefn.critic import LearnedValue
from forethought.valuefn.data import Dataset, build_dataset
from forethought.valuefn.encoders import make_encoder, parts_of
from forethought.valuefn.fit import fit_head
from forethought.valuefn.head import Head
from forethought.valuefn.heard import HeardEncoder
from forethought.valuefn.inference import Critic
from forethought.valuefn.memory_source import Inputs, make_blocks, make_inputs
from forethought.valuefn.ridge import ridge_start

TALK = {"encoder": "hashed", "members": 2, "hidden": 4, "steps": 1, "ridge": 30}


def features(data: Dataset) -> Inputs:
    encoder = make_encoder("hashed")
    texts = {
        "state": data.states,
        "thought": data.thoughts,
        "prefix": data.prefixes,
        "goal": data.goals,
    }
    encoded = {name: encoder.encode(part) for name, part in texts.items()}
    return make_inputs(encoded, make_blocks(encoded, data, np.arange(len(data))))


def started(data: Dataset, inputs: Inputs, **changes: float) -> np.ndarray:
    settings = {"ridge": 1.0, "gamma": 1.0, "members": 1, "hidden": 8, "seed": 0} | changes
    weights = ridge_start(
        inputs,
        data,
        np.arange(len(data)),
        [("hashed", 1024)],
        ridge=settings["ridge"],
        gamma=settings["gamma"],
        members=int(settings["members"]),
        hidden=int(settings["hidden"]),
        seed=0,
    )
    critic = Critic(weights)
    tables = (inputs.state, inputs.thought, inputs.prefix)
    indices = (data.state, data.thought, data.prefix)
    x = np.concatenate([t[i] for t, i in zip(tables, indices, strict=True)], axis=1)
    return logit(critic.scores(x, critic.embed(inputs.goal)))


def test_it_says_what_logistic_regression_says() -> None:
    data = build_dataset(invented_traces(60))
    inputs = features(data)
    found = started(data, inputs)[0]
    tables = (inputs.state, inputs.thought, inputs.prefix)
    indices = (data.state, data.thought, data.prefix)
    x = np.concatenate([t[i] for t, i in zip(tables, indices, strict=True)], axis=1)
    weight = 4 / data.length
    for goal, truth in enumerate(data.truth(np.arange(len(data))).T):
        known = ~np.isnan(truth)
        model = LogisticRegression(C=3e-4, max_iter=1000, tol=1e-8)
        model.fit(x[known], truth[known].astype(int), sample_weight=weight[known])
        np.testing.assert_allclose(found[:, goal], model.decision_function(x), atol=0.02)


def test_members_differ_and_their_mean_is_near_the_fit_of_all() -> None:
    data = build_dataset(invented_traces(60))
    inputs = features(data)
    many = started(data, inputs, members=3)
    assert (np.abs(many - many.mean(axis=0)).max(axis=(1, 2)) > 0.01).all()
    assert np.corrcoef(many[0].ravel(), started(data, inputs)[0].ravel())[0, 1] > 0.9


def test_discounted_outcomes_and_unknown_ones_count_for_less() -> None:
    data = build_dataset(invented_traces(60))
    inputs = features(data)
    column = data.goals.index(WON.text)
    plain = started(data, inputs)[0][:, column]
    assert started(data, inputs, gamma=0.5)[0][:, column].mean() < plain.mean()
    data.reached[:, column] = np.nan
    assert np.abs(started(data, inputs)[0][:, column]).max() < 1e-4


def test_a_head_of_row_talk_is_saved_refit_and_gone_on_from(tmp_path: Path) -> None:
    traces = invented_traces(80)
    head = fit_head(traces, head_config("talk", **TALK, focus=WON.text))
    assert head.metrics["held_out"]["auc"] > 0.6
    assert set(head.weights) == {
        f"{n}.{p}.0" for n in ("phi", "psi") for p in ("weights", "biases")
    }
    head.save_pretrained(tmp_path / "head")
    again = LearnedValue(Head.from_pretrained(tmp_path / "head"))
    step = traces[0].steps[0]
    asked = (step.state, [Candidate(step.decision.candidate.thought)], [WON, RICH])
    assert again.estimate(*asked) == LearnedValue(head).estimate(*asked)
    plain = fit_head(traces, head_config("talk", **TALK, focus=WON.text, refit=False))
    assert (plain.weights["phi.weights.0"] != head.weights["phi.weights.0"]).any()
    assert plain.calibration == head.calibration
    on = fit_head(traces, head_config("talk", **TALK, focus=WON.text), start=head)
    assert on.origin.parent == head.id


def test_an_untrained_linear_network_says_one_half_and_learns_without_a_ridge() -> None:
    changes = {"ridge": 0, "refit": False, "learning_rate": 1e-2, "steps": 100}
    config = head_config("talk", **(TALK | changes))
    assert fit_head(invented_traces(80), config).metrics["held_out"]["auc"] > 0.7


def test_the_values_of_states_start_with_the_critic() -> None:
    config = head_config("iql", network="linear", ridge=30, members=1, hidden=4, steps=1)
    assert fit_head(invented_traces(80), config).metrics["held_out"]["auc"] > 0.7


def test_a_ridge_wants_a_linear_network() -> None:
    with pytest.raises(ConfigError, match="ridge is a start for network linear, not for bilinear"):
        head_config("iql", ridge=1)


def test_parts_are_found_behind_a_memory() -> None:
    wanted = [("heard", 2048), ("notes", 1024)]
    assert parts_of(make_encoder("heard+notes")) == wanted
    assert parts_of(RememberingEncoder(make_encoder("heard+notes"))) == wanted
    assert parts_of(make_encoder("hashed")) == [("hashed", 1024)]


def test_heard_knows_the_words_of_the_other_alone() -> None:
    encoder = HeardEncoder(bins=512)
    talk = "Turns heard 2.\nme: please give\nyou: no thanks"
    one, mine, other, silent, empty = encoder.encode(
        [talk, talk.replace("please", "do"), talk.replace("no", "yes"), "A goal.", ""]
    )
    assert np.linalg.norm(one) == pytest.approx(1)
    assert (one == mine).all()
    assert (one != other).any()
    assert not silent.any()
    assert not empty.any()
    assert (one != encoder.encode([talk.replace("no thanks", "thanks no")])[0]).any()
    assert encoder.encode([]).shape == (0, 512)
    assert encoder.fingerprint != HeardEncoder().fingerprint
