from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from haggling import haggling
from invented import invented_traces
from numpy.typing import NDArray

from forethought.agent.errors import ConfigError, DataError, HeadError, UnknownName
from forethought.agent.types import Trace
from forethought.valuefn.config import HeadConfig, changed, head_config
from forethought.valuefn.critic import LearnedValue, load_critic
from forethought.valuefn.evaluate import compare
from forethought.valuefn.features import fit_block
from forethought.valuefn.fit import fit_head
from forethought.valuefn.hashed import HashedEncoder
from forethought.valuefn.memory_source import MemorySource, make_blocks, make_inputs
from forethought.valuefn.shard_fit import fit_shards
from forethought.valuefn.shard_folder import ShardFolder
from forethought.valuefn.shard_source import ShardSource
from forethought.valuefn.shard_survey import survey
from forethought.valuefn.shard_window import ShardWindow
from forethought.valuefn.shards import write_shards
from forethought.valuefn.train import Trainer

SMALL = head_config(members=2, hidden=16, steps=200, batch=128)
TIGHT = 1_000_000
"""Bytes of features: a few shards of haggling."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some shards with few texts."""
    place = tmp_path_factory.mktemp("invented")
    write_shards(invented_traces(1000), place, rows=250)
    return place


@pytest.fixture(scope="module")
def varied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some shards whose states are nearly all different."""
    place = tmp_path_factory.mktemp("haggling")
    write_shards(haggling(2000), place, rows=250)
    return place


def make_source(folder: Path, window: int, config: HeadConfig = SMALL) -> ShardSource:
    encoder = HashedEncoder()
    shards = ShardFolder(folder)
    found = survey(shards, 0.2, config.seed)
    data = found.data
    encoded = {
        "state": encoder.encode(data.states),
        "thought": encoder.encode(data.thoughts),
        "prefix": encoder.encode(data.prefixes),
        "goal": encoder.encode(data.goals),
    }
    inputs = make_inputs(encoded, make_blocks(encoded, data, found.rows))
    sample = MemorySource(data, inputs, found.rows, found.held, config)
    return ShardSource(shards, sample, inputs, encoder, config, held_out=0.2, window=window)


def test_the_head_is_as_good_as_from_memory(tmp_path: Path) -> None:
    traces, new = invented_traces(1200), invented_traces(500, seed=5)
    write_shards(traces, tmp_path, rows=500)
    config = SMALL.model_copy(update={"steps": 200, "batch": 256})
    in_memory = LearnedValue(fit_head(traces, config))
    for window, sample in ((2**29, 16384), (1, 1600)):  # all shards at once, one at a time
        streamed = LearnedValue(fit_shards(tmp_path, config, window=window, sample=sample))
        overall = compare(streamed, in_memory, new, goal="I win.").overall
        assert overall.auc is not None
        assert overall.log_loss is not None
        assert abs(overall.auc.value) < 0.01
        assert abs(overall.log_loss.value) < 0.03


def test_held_out_truth_is_discounted_as_in_memory(tmp_path: Path) -> None:
    write_shards(invented_traces(200), tmp_path, rows=250)
    config = SMALL.model_copy(update={"gamma": 0.8, "steps": 60})
    found = survey(ShardFolder(tmp_path), 0.2, config.seed)
    source = make_source(tmp_path, 2**29, config)
    (part,) = source.held_out()
    left = found.data.length[found.held] - found.data.step[found.held]
    came_true = found.data.truth(found.held)
    assert (left > 1).any()
    np.testing.assert_allclose(part.truth, came_true * 0.8 ** left[:, None], rtol=1e-5)
    assert (part.truth[(left > 1)[:, None] & (came_true == 1)] < 0.8).all()
    # early stopping looks at the same rows on either side, and stops alike
    encoder = HashedEncoder()
    texts = (found.data.states, found.data.thoughts, found.data.prefixes, found.data.goals)
    encoded = {
        name: encoder.encode(each)
        for name, each in zip(("state", "thought", "prefix", "goal"), texts, strict=True)
    }
    inputs = make_inputs(encoded, make_blocks(encoded, found.data, found.rows))
    memory = MemorySource(found.data, inputs, found.rows, found.held, config)
    streamed, kept = (Trainer(each, config, every=10) for each in (source, memory))
    assert streamed.held_out_loss() == pytest.approx(kept.held_out_loss())
    counted = changed(config, objective="monte-carlo")
    one, other = (Trainer(each, counted, every=10).run() for each in (source, memory))
    assert len(one.history) == len(other.history)
    assert abs(one.best[1] - other.best[1]) < 0.02


def test_the_survey_holds_out_whole_groups_and_takes_all_where_it_fits(folder: Path) -> None:
    found = survey(ShardFolder(folder), 0.2, 0)
    data = found.data
    train, held = (
        set(data.groups[data.episode[rows]].tolist()) for rows in (found.rows, found.held)
    )
    assert not train & held
    assert len(data) == 4000
    assert len(found.rows) == found.train_transitions
    assert found.train_episodes + found.held_episodes == 1000
    small = survey(ShardFolder(folder), 0.2, 0, sample=100)
    assert (len(small.rows), len(small.held)) == (100, 100)
    assert small.train_transitions == found.train_transitions
    again = survey(ShardFolder(folder), 0.2, 0, sample=100)
    assert again.data.states == small.data.states
    assert survey(ShardFolder(folder), 0.2, 1, sample=100).data.states != small.data.states


def test_the_window_is_what_its_shards_hold(varied: Path) -> None:
    shards, encoder = ShardFolder(varied), HashedEncoder()
    first = shards.load(0)
    blocks = {
        name: fit_block(encoder.encode(first.texts[column]))
        for name, column in (
            *((name, name) for name in ("state", "thought", "prefix")),
            ("goal", "state"),
        )
    }
    window = ShardWindow(encoder, blocks, shards.manifest.goals)
    for number in range(6):
        shard = shards.load(number)
        held = shard.held(0.2, 0)
        taken = window.roll(shard, held, drop=int(len(window) == 3))
        assert taken == (~held)[shard.episode].sum()
    data, features = window.data(), window.features
    row = 0
    for number in (3, 4, 5):
        shard = shards.load(number)
        for place in shard.of_episodes(~shard.held(0.2, 0)):
            assert (
                data.states[data.state[row]] == shard.texts["state"][shard.columns["state"][place]]
            )
            assert data.episodes[data.episode[row]] == shard.ids[shard.episode[place]]
            assert data.step[row] == shard.step[place]
            truth = data.reached[data.episode[row]]
            np.testing.assert_array_equal(truth, shard.reached[shard.episode[place]])
            last = shard.step[place] + 1 == shard.length[place]
            assert data.following[row] == (-1 if last else row + 1)
            row += 1
    assert row == len(data)
    assert len(set(data.states)) == len(data.states)
    assert set(data.state.tolist()) == set(range(len(data.states)))
    for name, texts in (
        ("state", data.states),
        ("thought", data.thoughts),
        ("prefix", data.prefixes),
    ):
        expected = blocks[name].apply(encoder.encode(texts))
        np.testing.assert_array_equal(features[name], expected)


def test_each_transition_is_drawn_about_once_a_pass_and_none_that_is_held_out(varied: Path) -> None:
    source = make_source(varied, TIGHT)
    rng = np.random.default_rng(0)
    total = survey(ShardFolder(varied), 0.2, 0).train_transitions
    largest = 0
    for _ in range(total * 10 // SMALL.batch):
        source.draw(rng)
        largest = max(largest, source._window.bytes)
    passes = source.read / total
    assert 9 < passes < 13
    assert largest < 2 * TIGHT
    assert make_source(varied, 1).draw(rng).judged.shape[0] == SMALL.batch  # one shard at a time


def test_a_window_that_holds_all_never_rolls(varied: Path) -> None:
    source = make_source(varied, 2**29)
    rng = np.random.default_rng(0)
    for _ in range(100):
        source.draw(rng)
    assert source.position()["next"] == len(ShardFolder(varied))


def test_going_back_to_a_position_gives_the_same_batches(varied: Path) -> None:
    source, other = make_source(varied, TIGHT), make_source(varied, TIGHT)
    rng = np.random.default_rng(3)
    for count in (0, 1, 40, 77):
        for _ in range(count):
            source.draw(rng)
        place, state = source.position(), rng.bit_generator.state
        expected = [source.draw(rng) for _ in range(30)]
        rng.bit_generator.state = state
        for where in (other, source):
            where.seek(place)
            rng.bit_generator.state = state
            for drawn in expected:
                again = where.draw(rng)
                assert again.judged.equal(drawn.judged)
                assert again.goals.equal(drawn.goals)
                assert again.boot.equal(drawn.boot)
                assert again.weight.equal(drawn.weight)
    assert source.digest() == other.digest() != make_source(varied, TIGHT + 1).digest()


def test_equal_seeds_give_bit_equal_heads(varied: Path) -> None:
    short = SMALL.model_copy(update={"steps": 60})
    heads = [fit_shards(varied, short, window=TIGHT, sample=300) for _ in range(2)]
    other = fit_shards(varied, short.model_copy(update={"seed": 1}), window=TIGHT, sample=300)
    for name, weights in heads[0].weights.items():
        assert np.array_equal(weights, heads[1].weights[name])
    assert any(not np.array_equal(w, other.weights[n]) for n, w in heads[0].weights.items())


@pytest.mark.parametrize("row", ["gcivl", "monte-carlo"])
def test_other_objectives(folder: Path, row: str) -> None:
    config = head_config(row, members=1, hidden=16, steps=150, batch=128)
    assert fit_shards(folder, config, window=1).metrics["held_out"]["auc"] > 0.7


def test_on_permuted_outcomes_nothing_is_learned(folder: Path) -> None:
    control = fit_shards(folder, SMALL.model_copy(update={"permute": True}), window=1)
    assert abs(control.metrics["held_out"]["auc"] - 0.5) < 0.15


def test_a_head_from_shards_is_a_head(folder: Path, tmp_path: Path) -> None:
    head = fit_shards(folder, SMALL, window=1)
    assert head.metrics["data"]["transitions"] == 4000
    assert head.metrics["data"]["shards"] == 16
    critic = load_critic(head.save_pretrained(tmp_path / "head"))
    trace = invented_traces(1)[0]
    step = trace.steps[-1]
    (estimate,) = critic.estimate(step.state, [step.decision.candidate], trace.episode.goals[:1])[0]
    assert estimate.supported
    assert critic.explain(step.state, step.decision.candidate, trace.episode.goals[0])


def test_a_training_that_was_stopped_goes_on_to_the_same_head(varied: Path, tmp_path: Path) -> None:
    config = head_config(members=2, hidden=8, steps=100, batch=128)

    def stop(update: int, most: int, loss: float) -> None:
        if update >= 50:
            raise KeyboardInterrupt

    whole = fit_shards(varied, config, window=TIGHT, sample=300)
    with pytest.raises(KeyboardInterrupt):
        fit_shards(varied, config, window=TIGHT, sample=300, checkpoint=tmp_path, progress=stop)
    assert list(tmp_path.iterdir())
    resumed = fit_shards(varied, config, window=TIGHT, sample=300, checkpoint=tmp_path)
    for name, weights in whole.weights.items():
        assert np.array_equal(weights, resumed.weights[name])
    with pytest.raises(HeadError):
        fit_shards(varied, config, window=TIGHT + 1, sample=300, checkpoint=tmp_path)


def test_settings_that_need_all_in_memory_are_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match="refit needs all episodes in memory"):
        fit_shards(folder, SMALL.model_copy(update={"refit": True}))
    with pytest.raises(ConfigError, match="ridge needs all episodes in memory"):
        fit_shards(folder, SMALL.model_copy(update={"ridge": 1.0}))
    with pytest.raises(UnknownName, match="unknown goal"):
        fit_shards(folder, SMALL.model_copy(update={"focus": "I fly."}))


def test_too_little_or_nothing_to_learn(tmp_path: Path) -> None:
    def failure(name: str, traces: Sequence[Trace]) -> str:
        write_shards(traces, tmp_path / name)
        with pytest.raises(DataError) as error:
            fit_shards(tmp_path / name, SMALL)
        return str(error.value)

    traces = invented_traces(60)
    assert "10 finished episodes are too few" in failure("few", traces[:10])
    one = [t for t in traces if t.outcome is not None and t.outcome.reached == ("I win.",)]
    assert "nothing to learn" in failure("same", [replace(t) for t in one + one + one])
    grouped = [replace(t, episode=replace(t.episode, facts={"group": "x"})) for t in traces]
    assert "one side of the held-out split" in failure("grouped", grouped)


def test_an_encoder_that_gives_nan_is_noticed(folder: Path) -> None:
    class Broken(HashedEncoder):
        def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
            vectors = super().encode(texts)
            vectors[:, 0] = np.nan
            return vectors

    with pytest.raises(DataError, match="not finite for some state texts"):
        fit_shards(folder, SMALL, encoder=Broken())
