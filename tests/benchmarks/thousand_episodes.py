"""From 1,000 logged episodes to a saved, calibrated head: `python thousand_episodes.py`.

The episodes are the first 1,000 of CaSiNo (both sides of 500 dialogues, a decision for each own
utterance, more than 10,000 thoughts). Stages, each with its seconds and processor seconds: encoding
every text into an empty cache, which is no part of the claim; then, with the embeddings cached,
reading the traces from their file, training and calibrating with the default settings, saving,
and loading what was saved.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from forethought.agent.trace import read_traces, write_traces
from forethought.envs.casino import casino_traces
from forethought.valuefn.cache import CachedEncoder
from forethought.valuefn.config import head_config
from forethought.valuefn.data import build_dataset
from forethought.valuefn.encoders import make_encoder
from forethought.valuefn.fit import fit_head
from forethought.valuefn.head import Head

Stages = dict[str, tuple[float, float]]


@contextmanager
def stage(stages: Stages, name: str) -> Iterator[None]:
    wall, used = time.perf_counter(), time.process_time()
    yield
    found = time.perf_counter() - wall, time.process_time() - used
    stages[name] = (round(found[0], 2), round(found[1], 2))


def run(
    encoder_name: str, row: str, threads: int, folder: Path, episodes: int
) -> dict[str, object]:
    stages: Stages = {}
    path = folder / "traces.jsonl"
    write_traces(path, casino_traces()[:episodes])
    made = make_encoder(encoder_name)
    cached = CachedEncoder(made, folder / f"cache-{encoder_name}")
    data = build_dataset(read_traces(path).traces)
    with stage(stages, "encode (not counted)"):
        for texts in (data.states, data.thoughts, data.prefixes, data.goals):
            cached.encode(texts)
    encoder = CachedEncoder(made, folder / f"cache-{encoder_name}")  # as another process finds it
    with stage(stages, "read"):
        traces = read_traces(path).traces
    with stage(stages, "train and calibrate"):
        settings = head_config(row, encoder=encoder_name)
        head = fit_head(traces, settings, encoder=encoder, threads=threads)
    with stage(stages, "save"):
        head.save_pretrained(folder / f"head-{encoder_name}")
    counted = [found for name, found in stages.items() if "not counted" not in name]
    with stage(stages, "load (not counted)"):
        Head.from_pretrained(folder / f"head-{encoder_name}")
    return {
        "encoder": encoder_name,
        "row": row,
        "threads": threads,
        "episodes": len(traces),
        "thoughts": sum(len(trace.steps) for trace in traces),
        "stages_seconds_and_processor_seconds": stages,
        "total_seconds": round(sum(found[0] for found in counted), 2),
        "total_processor_seconds": round(sum(found[1] for found in counted), 2),
        "held_out": head.metrics["held_out"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encoders", default="hashed,static", help="joined by commas")
    parser.add_argument("--row", default="iql")
    parser.add_argument("--threads", type=int, default=2, help="threads that train")
    parser.add_argument("--episodes", type=int, default=1000, help="fewer for slow encoders")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name in options.encoders.split(","):
            found = run(name, options.row, options.threads, Path(folder), options.episodes)
            sys.stdout.write(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
