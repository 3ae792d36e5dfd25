"""Players that workers of a cluster make themselves, and a program that compares both engines."""

import asyncio
import json
import os
import signal
import sys
import warnings
from pathlib import Path

from forethought.agent.arms import Arm, build_planner
from forethought.agent.errors import ConfigError, RunError
from forethought.agent.protocols import Turn
from forethought.agent.trace import read_traces
from forethought.agent.types import Decision, Episode, Trace
from forethought.envs.engines.source import Player, Source
from forethought.envs.registry import get_world
from forethought.envs.rollouts import Recording, failed, plan, play, roll
from forethought.envs.signpost import Signpost


class Deadly:
    """Kills its own process where the model would be asked, once or always."""

    name = "deadly"

    def __init__(self, marks: Path, *, always: bool) -> None:
        self._marks, self._always = marks, always

    async def decide(self, turn: Turn) -> Decision:
        await asyncio.sleep(0.01)
        mark = self._marks / "died"
        if "red" in turn.state and (self._always or not mark.exists()):
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return Decision(turn.observation.candidates[0], "left", self.name)


def player(env: str, arm: str, marks: str = "") -> Player:
    world = get_world(env)
    if arm.startswith("deadly"):
        return Player(world, Deadly(Path(marks), always=arm.endswith("always")))
    return Player(world, build_planner(Arm.parse(arm), bots=world.bots))


def refuse(env: str, arm: str) -> Player:
    raise ConfigError(f"no head for {arm} on this machine")


def _planned(env: str, arm: str, count: int) -> list[Episode]:
    return plan(get_world(env), split="test", episodes=count, seed=4, arm=arm)


def compare(folder: Path) -> dict[str, object]:
    """Both engines over the same plans; what was seen, for a test to judge."""
    from forethought.envs.engines.on_ray import RayEngine

    said: dict[str, object] = {}
    marks = folder / "marks"
    marks.mkdir()
    source = Source("ray_players:player", {"marks": str(marks)})
    world = get_world("bargaining-v0")
    planned = _planned("bargaining-v0", "heuristic", 24)
    with RayEngine(source) as engine:

        def on_ray(record: Recording[Trace] | None, episodes: list[Episode]) -> list[Trace]:
            return asyncio.run(
                roll(
                    world,
                    Deadly(marks, always=False),  # never asked: the engine plays
                    episodes,
                    keep=lambda trace: trace,
                    record=record,
                    concurrency=8,
                    engine=engine,
                )
            )

        with Recording(folder / "traces.jsonl") as record:
            there = on_ray(record, planned[:16])
        with Recording(folder / "traces.jsonl", resume=True) as record:
            there = on_ray(record, planned)
        here = asyncio.run(play(world, player("bargaining-v0", "heuristic").planner, planned))
        said["same"] = there == here
        said["kept"] = sorted(t.episode.id for t in read_traces(folder).traces) == sorted(
            e.id for e in planned
        )
        said["nodes"] = sorted(engine.nodes.values())

        once = on_ray(None, _planned("signpost-v0", "deadly", 30))
        said["once"] = sum(map(failed, once))
        said["died"] = len(list(marks.iterdir()))
        always = _with_one_red(_planned("signpost-v0", "deadly-always", 30))
        broken = [t for t in on_ray(None, always) if failed(t)]
        said["always"] = [t.outcome.reason for t in broken if t.outcome]
        said["innocent"] = len(always) - 1
    with RayEngine(Source("ray_players:refuse")) as engine:
        try:
            on_ray(None, planned)
        except (ConfigError, RunError) as error:
            said["refused"] = f"{type(error).__name__}: {error}"
    try:
        RayEngine(source, workers=99)
    except ConfigError as error:
        said["too many"] = str(error)
    return said


def _with_one_red(episodes: list[Episode]) -> list[Episode]:
    """Without the episodes whose sign is red, save the first of them."""
    red = []
    for episode in episodes:
        _, info = Signpost().reset(seed=episode.seed, options={"instance": episode.instance})
        if "red" in info["state"]:
            red.append(episode)
    return [episode for episode in episodes if episode not in red[1:]]


def main() -> None:
    warnings.simplefilter("ignore")
    import ray
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 80_000_000}
    cluster = Cluster(initialize_head=True, head_node_args=node)
    cluster.add_node(**node)
    ray.init(address=cluster.address, log_to_driver=False, logging_level="error")
    try:
        cluster.wait_for_nodes()
        sys.stdout.write(json.dumps(compare(Path(sys.argv[1]))) + "\n")
    finally:
        ray.shutdown()
        cluster.shutdown()


if __name__ == "__main__":
    main()
