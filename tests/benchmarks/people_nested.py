"""What a talk says about its end: linear readers of it, chosen and averaged inside training folds.

    python tests/benchmarks/people_nested.py persuasion --out people/

PersuasionForGood needs `FORETHOUGHT_DATA`. The grid is declared in `families`; nothing else is
chosen. Each outer fold is kept under `--out`, and a run that was stopped goes on there.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from forethought.agent.types import Trace
from forethought.envs.people import PEOPLE
from forethought.valuefn.candidates import Candidate, LinearCandidate, Table, VectorTable, WordTable
from forethought.valuefn.encoders import make_encoder
from forethought.valuefn.nested import NestedReport, nested_validate
from forethought.valuefn.queries import SHARES, Cases, make_cases

OWN, JOINT = "for each share", "for all shares"
GRID: dict[str, dict[str, tuple[float, ...]]] = {
    "words": {OWN: (1.0, 3.0), JOINT: (0.5,)},
    "their words": {OWN: (1.0, 3.0), JOINT: (0.5,)},
    "notes": {OWN: (0.0005, 0.001), JOINT: (0.0003,)},
    "lines": {OWN: (0.01, 0.03), JOINT: (0.001, 0.003)},
}
"""Inverse of the regularisation to choose from, by table and by kind."""
WORDS, EMBEDDED = "baseline: TF-IDF", "baseline: embeddings"
ALL, BOTH = "mean of all readers", "baseline: mean of both"


def theirs(name: str, trace: Trace, share: float) -> str:
    """What the other side said, line by line."""
    lines = PEOPLE[name].transcript(trace, share).splitlines()
    return "\n".join(line for line in lines if line.startswith("you: "))


def tables(name: str, cases: Cases) -> dict[str, Table]:
    """What the readers read: words tagged by speaker, the other's alone, notes, sentence means."""
    said = PEOPLE[name].transcript
    return {
        "words": WordTable(cases, SHARES, said),
        "their words": WordTable(cases, SHARES, lambda trace, share: theirs(name, trace, share)),
        "notes": VectorTable(cases, SHARES, make_encoder("notes")),
        "lines": VectorTable(cases, SHARES, make_encoder("lines"), said),
    }


def families(name: str, cases: Cases, goal: int) -> dict[str, list[Candidate]]:
    """All readers and the two baselines, each with its settings."""
    read = tables(name, cases)
    found: dict[str, list[Candidate]] = {
        f"{table}, {kind}": [
            LinearCandidate(f"{strength:g}", cases, read[table], goal, strength, kind == JOINT)
            for strength in strengths
        ]
        for table, kinds in GRID.items()
        for kind, strengths in kinds.items()
    }
    found[WORDS] = [LinearCandidate("1", cases, read["words"], goal, 1.0)]
    found[EMBEDDED] = [LinearCandidate("0.01", cases, read["lines"], goal, 0.01)]
    return found


def table(report: NestedReport) -> str:
    """Figures as lines of text."""
    lines = [f"{report.goal} ({report.episodes} episodes, {report.folds} folds)"]
    for name, scores in report.scores.items():
        cells = [f"{each.auc.value:.3f}" for each in scores if each.auc]
        errors = [
            f"{each.calibration_error.value:.3f}" for each in scores if each.calibration_error
        ]
        lines.append(f"{name:28} AUC {' '.join(cells)}  calibration error {' '.join(errors)}")
    for each in report.scores[ALL]:
        if each.auc and each.calibration_error:
            a, c = each.auc, each.calibration_error
            lines.append(
                f"{each.name}: {a.value:.3f} ({a.low:.3f} to {a.high:.3f}),"
                f" calibration {c.value:.3f} ({c.low:.3f} to {c.high:.3f})"
            )
    for name, parts in report.differences.items():
        cells = [
            f"{part.auc.value:+.3f} ({part.auc.low:+.3f} to {part.auc.high:+.3f})"
            for part in parts
            if part.auc
        ]
        lines.append(f"{ALL} - {name}: {' '.join(cells)}")
    lines += [f"picked {name}: {counts}" for name, counts in report.picked.items()]
    return "\n".join(lines)


def main() -> None:
    """Run one data set."""
    parser = argparse.ArgumentParser(description="Nested cross-validation on people's talks.")
    parser.add_argument("name", choices=sorted(PEOPLE))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--folds", type=int, default=10)
    parser.add_argument("--inner", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    cases = make_cases(PEOPLE[asked.name].traces())
    goal = PEOPLE[asked.name].success.text
    found = families(asked.name, cases, cases.index(goal))
    readers = [name for name in found if name not in {WORDS, EMBEDDED}]
    report = nested_validate(
        cases,
        found,
        {ALL: readers, BOTH: [WORDS, EMBEDDED]},
        goal=goal,
        shares=SHARES,
        folds=asked.folds,
        inner=asked.inner,
        seed=asked.seed,
        keep=asked.out,
        progress=lambda done, of: print(f"fold {done} of {of}", flush=True),
    )
    print(table(report))
    kept = asdict(report) | {"chances": {k: v.tolist() for k, v in report.chances.items()}}
    (asked.out / f"{asked.name}.json").write_text(json.dumps(kept))


if __name__ == "__main__":
    main()
