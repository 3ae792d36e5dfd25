import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from forethought.agent.errors import ConfigError
from forethought.agent.trace import FILE_NAME, read_traces
from forethought.agent.types import Goal
from forethought.envs.registry import get_world
from forethought.envs.signpost import HOME, Signpost
from forethought.valuefn import improve as module
from forethought.valuefn.config import head_config
from forethought.valuefn.critic import load_critic
from forethought.valuefn.improve import Improved, default_heads, improve

WORLD = get_world("signpost-v0")
SMALL = head_config(hidden=16, members=2, batch=64, steps=300, learning_rate=3e-3)
TINY = head_config(hidden=8, members=1, batch=64, steps=20)


def run(out: Path, *, rounds: int = 1, resume: bool = False) -> Improved:
    return improve(WORLD, rounds=rounds, episodes=200, seed=0, out=out, config=SMALL, resume=resume)


@pytest.fixture(scope="module", autouse=True)
def few_validation_episodes() -> object:
    patch = pytest.MonkeyPatch()
    patch.setattr(module, "VALIDATION_EPISODES", 60)
    yield
    patch.undo()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Improved]:
    out = tmp_path_factory.mktemp("improve") / "run"
    return out, run(out)


def test_it_ends_with_a_head_that_finds_home_and_a_control_that_does_not(
    finished: tuple[Path, Improved],
) -> None:
    out, result = finished
    assert result.best.validation == 1.0
    assert result.head == out / "head"
    assert [each.episodes for each in result.rounds] == [200, 300]
    goals: list[Goal] = [HOME]
    _, info = Signpost().reset(seed=0, options={"instance": 2_000_000})
    rows = load_critic(result.head).estimate(info["state"], info["candidates"], goals)
    assert abs(rows[0][0].chance - rows[1][0].chance) > 0.8
    control = load_critic(result.head / "permuted")
    rows = control.estimate(info["state"], info["candidates"], goals)
    assert abs(rows[0][0].chance - rows[1][0].chance) < 0.6
    assert control.head.config.permute


def test_it_learns_on_the_training_split_alone(finished: tuple[Path, Improved]) -> None:
    out, _ = finished
    traces = [t for number in (0, 1) for t in read_traces(out / f"round-{number}").traces]
    assert len(traces) == 300
    assert all(trace.episode.instance in WORLD.splits["train"] for trace in traces)
    played = read_traces(out / "round-1").traces
    assert {trace.steps[0].decision.planner for trace in played} == {"rank"}
    # the head strays now and then, or it would never learn what it avoids
    assert 0.8 < sum(t.outcome.reward for t in played if t.outcome) / len(played) < 1.0


def test_an_interrupted_run_goes_on_to_the_same_head(
    finished: tuple[Path, Improved], tmp_path: Path
) -> None:
    out, whole = finished
    copy = tmp_path / "run"
    shutil.copytree(out, copy)
    shutil.rmtree(copy / "head")
    shutil.rmtree(copy / "round-1" / "head")
    (copy / "round-1" / "validation.json").unlink()
    traces = copy / "round-1" / FILE_NAME
    traces.write_bytes(traces.read_bytes()[:-4000])  # cut in the middle of an episode
    again = run(copy, resume=True)
    assert again.best.validation == whole.best.validation
    assert (copy / "head" / "head.safetensors").read_bytes() == (
        out / "head" / "head.safetensors"
    ).read_bytes()


def test_a_second_call_does_nothing_again(finished: tuple[Path, Improved]) -> None:
    out, _ = finished
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.safetensors")}
    run(out, resume=True)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.safetensors")} == before


def test_bad_numbers_and_places(finished: tuple[Path, Improved], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="resume it or choose another place"):
        run(finished[0])
    with pytest.raises(ConfigError, match="rounds must be 0 or more"):
        run(tmp_path / "x", rounds=-1)
    with pytest.raises(ConfigError, match="40 or more"):
        improve(WORLD, rounds=0, episodes=39, seed=0, out=tmp_path / "x")
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match="cannot write"):
        run(tmp_path / "file" / "x")
    idle = replace(WORLD, bots={})
    with pytest.raises(ConfigError, match="no policy to collect"):
        improve(idle, rounds=0, episodes=40, seed=0, out=tmp_path / "y")


def test_default_heads_are_trained_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FORETHOUGHT_CACHE", str(tmp_path))
    stages: list[str] = []

    def told(stage: str, done: int, total: int) -> None:
        stages.append(stage)

    head = default_heads(WORLD, config=TINY, episodes=60, progress=told)
    assert (head / "permuted" / "config.json").exists()
    assert stages
    stages.clear()
    again = default_heads(WORLD, config=TINY, episodes=60, progress=told)
    assert again == head
    assert stages == []


def test_heads_of_older_texts_are_not_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FORETHOUGHT_CACHE", str(tmp_path))
    before = default_heads(WORLD, config=TINY, episodes=60)
    assert default_heads(replace(WORLD, texts=2), config=TINY, episodes=60) != before


def test_partners_take_their_turns_in_training(tmp_path: Path) -> None:
    world = replace(get_world("bargaining-v0"), sparring=("linear", "stubborn"))
    improve(world, rounds=0, episodes=40, seed=0, out=tmp_path, config=TINY, validation=4)
    traces = read_traces(tmp_path / "round-0").traces
    assert {trace.episode.opponent for trace in traces} == {"linear", "stubborn"}
