"""What one saved kind of head says of a talk's end, in the outer folds of `people_nested.py`.

    python tests/benchmarks/people_head.py persuasion --out people-head.json \\
        --beside people/persuasion.json

Nothing is chosen here, hence there are no inner folds: a head of row `reading` (or `--row talk`) is
trained on the other folds, with its own calibration inside them, saved, loaded, and asked about the
fold. `--alone` leaves out all outcome sentences but the main one, which is all the same to the
readers of `reading`, and faster. `--beside` gives the paired
difference to what `people_nested.py` kept about the same folds. PersuasionForGood needs
`FORETHOUGHT_DATA`.
"""

import argparse
import json
import tempfile
from dataclasses import replace
from itertools import compress
from pathlib import Path

import numpy as np

from forethought.agent.types import Trace
from forethought.envs.people import PEOPLE
from forethought.valuefn.cache import RememberingEncoder
from forethought.valuefn.config import head_config
from forethought.valuefn.critic import load_critic
from forethought.valuefn.dealing import group_folds
from forethought.valuefn.encoders import make_encoder
from forethought.valuefn.evaluate import ask
from forethought.valuefn.features import Floats
from forethought.valuefn.fit import fit_head
from forethought.valuefn.nested import compare_each, score_each
from forethought.valuefn.queries import SHARES, Cases, make_cases, select


def chances(cases: Cases, goal: int, folds: int, seed: int, row: str, changes: str) -> Floats:
    """Chances of the goal, each by a head that did not see the talk; shape `(S, E)`."""
    config = head_config(row, focus=cases.goals[goal], **json.loads(changes))
    encoder = RememberingEncoder(make_encoder(config.encoder))
    fold = group_folds(cases.groups, folds, seed, cases.truth[:, goal])
    found = np.zeros((len(SHARES), len(cases)), dtype=np.float32)
    for number in range(folds):
        held = fold == number
        head = fit_head(list(compress(cases.traces, ~held)), config, encoder=encoder)
        with tempfile.TemporaryDirectory() as folder:
            critic = load_critic(head.save_pretrained(Path(folder) / "head"), encoder=encoder)
        answers = ask(critic, select(cases, held), SHARES)
        found[:, held] = answers.chance[:, :, goal]
        inside = answers.supported[:, :, goal].mean()
        print(f"supported: {inside:.3f}", flush=True)
        print(f"fold {number + 1} of {folds}", flush=True)
    return found


def alone(trace: Trace, goal: str) -> Trace:
    """An episode of which only one outcome sentence is told."""
    if trace.outcome is None:
        return trace
    reached, missed = (
        tuple(text for text in part if text == goal)
        for part in (trace.outcome.reached, trace.outcome.missed)
    )
    return replace(trace, outcome=replace(trace.outcome, reached=reached, missed=missed))


def main() -> None:
    """Run one data set."""
    parser = argparse.ArgumentParser(description="A head on people's talks, fold by fold.")
    parser.add_argument("name", choices=sorted(PEOPLE))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--row", default="reading")
    parser.add_argument("--alone", action="store_true", help="only the main outcome sentence")
    parser.add_argument("--set", default="{}", metavar="JSON", help="changes to the row")
    parser.add_argument("--folds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--beside", type=Path, help="what people_nested.py kept")
    asked = parser.parse_args()
    traces, main_goal = PEOPLE[asked.name].traces(), PEOPLE[asked.name].success.text
    cases = make_cases([alone(trace, main_goal) for trace in traces] if asked.alone else traces)
    goal = cases.index(main_goal)
    found = chances(cases, goal, asked.folds, asked.seed, asked.row, asked.set)
    asked.out.write_text(json.dumps(found.tolist()))
    for each in score_each("head", cases, found, SHARES, goal, asked.seed):
        a, c = each.auc, each.calibration_error
        if a and c:
            print(
                f"{each.name}: AUC {a.value:.3f} ({a.low:.3f} to {a.high:.3f}), "
                f"calibration error {c.value:.3f} ({c.low:.3f} to {c.high:.3f})"
            )
    if asked.beside is None:
        return
    for name, part in json.loads(asked.beside.read_text())["chances"].items():
        other = np.asarray(part, dtype=np.float32)
        pairs = compare_each(cases, found, other, SHARES, goal, asked.seed)
        cells = [
            f"{p.auc.value:+.3f} ({p.auc.low:+.3f} to {p.auc.high:+.3f})" for p in pairs if p.auc
        ]
        print(f"head - {name}: {' '.join(cells)}")


if __name__ == "__main__":
    main()
