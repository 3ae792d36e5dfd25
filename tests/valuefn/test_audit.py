from pathlib import Path

import pytest
from doors import doors

from forethought.agent.errors import ConfigError
from forethought.agent.trace import FILE_NAME
from forethought.envs.registry import World, get_world
from forethought.envs.rollouts import plan
from forethought.valuefn.audit import Audit, audit
from forethought.valuefn.config import head_config
from forethought.valuefn.critic import load_critic
from forethought.valuefn.fit import fit_head
from forethought.valuefn.improve import collect, improve

SMALL = head_config(hidden=16, members=2, batch=64, steps=100, learning_rate=3e-3, polyak=0.2)


def trained(world: World, folder: Path, episodes: int = 400) -> Path:
    traces = collect(world, plan(world, split="train", episodes=episodes, seed=0))
    return fit_head(traces, SMALL).save_pretrained(folder)


def audited(world: World, folder: Path, episodes: int = 300) -> Audit:
    traces = collect(world, plan(world, split="train", episodes=400, seed=0))
    return audit(world, folder, traces=traces, episodes=episodes, margin=0.05)


@pytest.fixture(scope="module")
def by_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A head that needs no thought, and soon its controls."""
    return trained(doors("state"), tmp_path_factory.mktemp("state") / "head")


@pytest.fixture(scope="module")
def by_thought(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A head that lives by the thought, and soon its controls."""
    return trained(doors("thought"), tmp_path_factory.mktemp("thought") / "head")


def test_a_head_that_ignores_the_thought_is_told(by_state: Path) -> None:
    found = audited(doors("state"), by_state)
    state, thought, prefix = found.verdicts
    assert (thought.used, thought.matters) == ("no", "no")
    assert thought.sentence.startswith("This head ignores the thought: without it it loses ")
    assert "both within 0.05 of 0" in thought.sentence
    assert (state.used, state.matters) == ("yes", "yes")
    assert (prefix.used, prefix.matters) == (None, None)
    assert "cannot use the prefix" in prefix.sentence


def test_a_head_that_lives_by_the_thought_is_told(by_thought: Path) -> None:
    found = audited(doors("thought"), by_thought, episodes=200)
    state, thought, _ = found.verdicts
    assert (thought.used, thought.matters) == ("yes", "yes")
    assert state.used in {"no", "unknown"}
    rows = {row.name: row for row in found.rows}
    assert rows["head"].reward > 0.75  # the left door ends well four times in five
    assert rows["wishes-swapped"].reward < 0.25
    assert 0.4 < rows["thought-blanked"].reward < 0.6  # ties fall by lot
    assert 0.4 < rows["no-thought"].reward < 0.6
    lost = rows["permuted"].reward_lost
    assert lost is not None
    assert lost.value > 0.1
    assert rows["goals-dealt"].reward < 0.25  # two goals, turned round
    assert found.bench.arms["unguided"].mean == pytest.approx(0.5, abs=0.12)


def test_little_data_says_neither_yes_nor_no(by_state: Path) -> None:
    found = audited(doors("state"), by_state, episodes=20)
    thought = found.verdicts[1]
    assert thought.used == "unknown"
    assert "cannot be told" in thought.sentence


def test_in_signpost_the_prefix_decides(tmp_path: Path) -> None:
    world = get_world("signpost-v0")
    found = audit(world, trained(world, tmp_path / "head"), episodes=60)
    told = {each.part: each for each in found.verdicts}
    assert told["prefix"].used == told["prefix"].matters == "yes"
    assert told["state"].used == told["state"].matters == "yes"
    assert told["thought"].used is None
    # the head's own episodes were not at hand: the trained controls have a reference of their own
    assert [row.against for row in found.rows if row.name.startswith("no-")] == ["whole"] * 2


def test_controls_are_trained_once_and_know_what_they_are(by_thought: Path) -> None:
    world = doors("thought")
    first = audited(world, by_thought, episodes=10)
    names = {path.parent.name for path in by_thought.glob("*/config.json")}
    assert names == {"permuted", "no-state", "no-thought"}
    assert load_critic(by_thought / "no-thought").head.config.view == "no-thought"
    times = {path: path.stat().st_mtime_ns for path in by_thought.rglob("*.safetensors")}
    again = audited(world, by_thought, episodes=10)
    assert again.rows == first.rows
    assert {path: path.stat().st_mtime_ns for path in by_thought.rglob("*.safetensors")} == times


def test_an_interrupted_audit_goes_on_to_the_same_figures(tmp_path: Path, by_thought: Path) -> None:
    world = doors("thought")
    traces = collect(world, plan(world, split="train", episodes=400, seed=0))
    whole = audit(world, by_thought, traces=traces, episodes=20, out=tmp_path / "a")
    file = tmp_path / "a" / FILE_NAME
    file.write_bytes(file.read_bytes()[:-3000])
    with pytest.raises(ConfigError, match="resume"):
        audit(world, by_thought, traces=traces, episodes=20, out=tmp_path / "a")
    again = audit(world, by_thought, traces=traces, episodes=20, out=tmp_path / "a", resume=True)
    assert again.rows == whole.rows
    assert again.verdicts == whole.verdicts


def test_a_head_of_improve_is_held_against_its_own_episodes(tmp_path: Path) -> None:
    world = doors("thought")
    improved = improve(
        world, rounds=1, episodes=100, seed=0, out=tmp_path, config=SMALL, validation=10
    )
    found = audit(world, improved.head, episodes=10)
    assert {row.against for row in found.rows} == {"", "head"}
    assert not (improved.head / "whole").exists()


def test_an_audit_cut_before_it_played_begins_again(tmp_path: Path) -> None:
    world = doors("thought")
    folder = trained(world, tmp_path / "head")

    def stop(stage: str, done: int, total: int) -> None:
        if stage == "fresh episodes" and done == 5:
            raise KeyboardInterrupt

    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        audit(world, folder, episodes=10, out=out, progress=stop)
    assert (out / "logged" / FILE_NAME).is_file()
    assert audit(world, folder, episodes=10, out=out).episodes == 10


def test_numbers_that_cannot_be(tmp_path: Path) -> None:
    world = doors("state")
    folder = trained(world, tmp_path / "head", episodes=40)
    with pytest.raises(ConfigError, match="2 episodes or more"):
        audit(world, folder, episodes=1)
    with pytest.raises(ConfigError, match="margin above 0"):
        audit(world, folder, margin=0)
    with pytest.raises(ConfigError, match="no episode to train"):
        audit(world, folder, traces=[])
