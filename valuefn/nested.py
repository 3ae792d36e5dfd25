"""Nested cross-validation: every choice is made inside the training folds.

For each outer fold, the other folds are divided again. Each candidate answers about every training
episode from a fit that has not seen its group. On those answers one setting of each family is
picked, families are averaged in log-odds, each brought to spread one, and all are turned into
chances by logistic regression (two numbers a share). Then what was picked is fitted on all
training episodes and asked about the outer fold. No outcome of an outer fold plays a part in
anything that is said about it.

An average has equal weights on purpose: learned weights would be one more choice. Results of each
outer fold can be kept on disk, so that a run that was stopped goes on.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from forethought.agent.errors import ConfigError, DataError, UnknownName, needs
from forethought.valuefn.calibration import sigmoid
from forethought.valuefn.candidates import Candidate
from forethought.valuefn.dealing import group_folds
from forethought.valuefn.evaluate import share_name
from forethought.valuefn.measures import auc
from forethought.valuefn.queries import Cases, check_shares
from forethought.valuefn.scoring import Difference, Scores, difference, empty_answers, score

with needs("nested cross-validation", "pip install 'forethought[value]'"):
    from sklearn.linear_model import LogisticRegression

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Families = Mapping[str, Sequence[Candidate]]
"""Name of a family to its settings, of which one is picked."""
Progress = Callable[[int, int], None]
"""Told the outer folds done and the outer folds in all."""


@dataclass(frozen=True, slots=True)
class Fold:
    """What one outer fold showed."""

    picked: Mapping[str, str]
    """Family to the name of the setting picked inside the training folds."""
    chances: Mapping[str, list[list[float]]]
    """Family or mean to calibrated chances of the fold's episodes, `S` rows."""
    inner: Mapping[str, float]
    """Family or mean to its mean AUC over shares inside the training folds."""


@dataclass(frozen=True, slots=True)
class NestedReport:
    """Out-of-fold figures of every family and of their mean, for one goal."""

    goal: str
    episodes: int
    groups: int
    folds: int
    inner: int
    scores: Mapping[str, tuple[Scores, ...]]
    """Family or mean to its scores at each share. There are no intervals for chances here, so that
    the coverage in them means nothing."""
    differences: Mapping[str, tuple[Difference, ...]]
    """Family or other mean to the first mean minus it, paired, at each share."""
    picked: Mapping[str, Mapping[str, int]]
    """Family to how many outer folds picked each of its settings."""
    chances: Mapping[str, Floats]
    """Family or mean to chances of shape `(S, E)`."""


def nested_validate(
    cases: Cases,
    families: Families,
    means: Mapping[str, Sequence[str]],
    *,
    goal: str | None = None,
    shares: Sequence[float],
    folds: int = 10,
    inner: int = 5,
    seed: int = 0,
    keep: Path | None = None,
    progress: Progress | None = None,
) -> NestedReport:
    """Measure families of candidates and their mean, every choice made inside the training folds.

    Args:
        cases: The episodes; the goal must be known of each.
        families: What to choose from; candidates answer about these cases at these shares.
        means: Name of a mean to the families it averages. The first is what the others are held
            against.
        goal: The goal; by default the one whose truth is most balanced.
        shares: Shares of the episode seen, each in [0, 1].
        folds: Outer folds, by group, with equal shares of reached goals.
        inner: Folds inside each training set.
        seed: Of all folds and the bootstrap.
        keep: Folder for the results of each outer fold, read again when it holds them.
        progress: Told the outer folds done and the outer folds in all.

    Raises:
        ConfigError: If a family has no candidate, a mean no family or the name of one, no mean is
            named, or the folds or shares cannot be had.
        DataError: If an episode does not say whether the goal came true.
        UnknownName: If the goal is not among the outcome sentences, or a mean names an unknown
            family.
    """
    shares = check_shares(shares)
    main = cases.index(goal)
    truth = cases.truth[:, main]
    _check(families, means, truth)
    fold = group_folds(cases.groups, folds, seed, truth)
    store = _Store(keep, _digest(cases, families, means, shares, fold, main, inner, seed))
    found = []
    for number in range(folds):
        if progress is not None:
            progress(number, folds)
        result = store.read(number)
        if result is None:
            split = _Split(fold == number, inner, seed)
            result = _outer(cases, families, means, truth, split, len(shares))
            store.write(number, result)
        found.append(result)
    if progress is not None:
        progress(folds, folds)
    first = next(iter(means))
    chances = {name: np.zeros((len(shares), len(cases)), np.float32) for name in found[0].chances}
    for number, result in enumerate(found):
        for name, part in result.chances.items():
            chances[name][:, fold == number] = np.asarray(part, dtype=np.float32)
    return NestedReport(
        cases.goals[main],
        len(cases),
        len(np.unique(cases.groups)),
        folds,
        inner,
        {name: score_each(name, cases, part, shares, main, seed) for name, part in chances.items()},
        {
            name: compare_each(cases, chances[first], chances[name], shares, main, seed)
            for name in chances
            if name != first
        },
        {name: _count([result.picked[name] for result in found]) for name in families},
        chances,
    )


def _check(families: Families, means: Mapping[str, Sequence[str]], truth: Floats) -> None:
    if not means:
        raise ConfigError("name at least one mean, and the families it averages")
    for family, candidates in families.items():
        if not candidates:
            raise ConfigError(f"family {family!r} has no candidate")
    for mean, parts in means.items():
        if not parts or mean in families:
            raise ConfigError(f"mean {mean!r} needs families to average, and a name of its own")
        for part in parts:
            if part not in families:
                raise UnknownName("family", part, families)
    if np.isnan(truth).any():
        raise DataError(f"{int(np.isnan(truth).sum())} episodes do not say how the goal came out")


@dataclass(frozen=True, slots=True)
class _Split:
    """An outer fold and how its training folds are divided."""

    held: Bools
    """Shape `(E,)`."""
    inner: int
    seed: int

    def within(self, cases: Cases, truth: Floats) -> Ints:
        """Inner fold of each training episode."""
        train = ~self.held
        return group_folds(cases.groups[train], self.inner, self.seed + 1, truth[train])


def _outer(
    cases: Cases,
    families: Families,
    means: Mapping[str, Sequence[str]],
    truth: Floats,
    split: _Split,
    shares: int,
) -> Fold:
    """Pick, average and calibrate on the training folds; then answer about the outer fold."""
    train = ~split.held
    within = split.within(cases, truth)
    picked: dict[str, str] = {}
    odds: dict[str, Floats] = {}
    asked: dict[str, Floats] = {}
    for name, candidates in families.items():
        answers = [_crossed(candidate, train, within, shares) for candidate in candidates]
        best = int(np.argmax([_mean_auc(answer, truth[train]) for answer in answers]))
        scale = _spread(answers[best])
        picked[name] = candidates[best].name
        odds[name] = answers[best] / scale
        asked[name] = candidates[best].odds(train, split.held) / scale
    for name, parts in means.items():
        odds[name] = np.mean([odds[part] for part in parts], axis=0)
        asked[name] = np.mean([asked[part] for part in parts], axis=0)
    return Fold(
        picked,
        {name: _calibrated(odds[name], truth[train], asked[name]).tolist() for name in asked},
        {name: _mean_auc(part, truth[train]) for name, part in odds.items()},
    )


def _crossed(candidate: Candidate, train: Bools, within: Ints, shares: int) -> Floats:
    """Log-odds of training episodes, each from a fit without its inner fold, `S` rows."""
    rows = np.flatnonzero(train)
    answers = np.zeros((shares, len(rows)), dtype=np.float32)
    for number in np.unique(within):
        asked = np.zeros_like(train)
        asked[rows[within == number]] = True
        answers[:, within == number] = candidate.odds(train & ~asked, asked)
    return answers


def _mean_auc(odds: Floats, truth: Floats) -> float:
    return float(np.mean([auc(row, truth) for row in odds]))


def _spread(odds: Floats) -> Floats:
    """Standard deviation at each share, shape `(S, 1)`, never 0."""
    spread: Floats = np.maximum(odds.std(axis=1, keepdims=True), np.float32(1e-6))
    return spread


def _calibrated(odds: Floats, truth: Floats, asked: Floats) -> Floats:
    """Chances for `asked`, by logistic regression on the training folds' answers."""
    chances = []
    for known, wanted in zip(odds, asked, strict=True):
        model = LogisticRegression().fit(known[:, None], truth.astype(int))
        chances.append(sigmoid(model.decision_function(wanted[:, None])))
    return np.asarray(chances, dtype=np.float32)


def score_each(
    name: str, cases: Cases, chances: Floats, shares: Sequence[float], main: int, seed: int
) -> tuple[Scores, ...]:
    """Scores of one goal at each share; `chances` has shape `(S, E)`."""
    found = []
    for share, row in zip(shares, chances, strict=True):
        answers = empty_answers(1, cases)
        for column in (answers.chance, answers.low, answers.high):
            column[0, :, main] = row
        found.append(score(f"{name}, {share_name(share)}", cases, answers, goals=[main], seed=seed))
    return tuple(found)


def compare_each(
    cases: Cases, one: Floats, other: Floats, shares: Sequence[float], main: int, seed: int
) -> tuple[Difference, ...]:
    """Paired differences of one goal at each share; chances have shape `(S, E)`."""
    found = []
    for number, share in enumerate(shares):
        pair = [np.zeros((1, len(cases), len(cases.goals)), dtype=np.float32) for _ in range(2)]
        pair[0][0, :, main], pair[1][0, :, main] = one[number], other[number]
        found.append(difference(share_name(share), cases, *pair, goals=[main], seed=seed))
    return tuple(found)


def _count(names: Sequence[str]) -> dict[str, int]:
    return {name: names.count(name) for name in sorted(set(names))}


def _digest(
    cases: Cases,
    families: Families,
    means: Mapping[str, Sequence[str]],
    shares: Sequence[float],
    fold: Ints,
    main: int,
    inner: int,
    seed: int,
) -> str:
    """Short hash of what a kept result depends on; candidates count by name."""
    said = {
        "episodes": [trace.episode.id for trace in cases.traces],
        "truth": cases.truth[:, main].tolist(),
        "families": {name: [c.name for c in part] for name, part in families.items()},
        "means": {name: list(parts) for name, parts in means.items()},
        "shares": list(shares),
        "folds": fold.tolist(),
        "inner": inner,
        "seed": seed,
    }
    return hashlib.blake2b(json.dumps(said).encode(), digest_size=8).hexdigest()


class _Store:
    """Results of outer folds in a folder, or nowhere."""

    def __init__(self, folder: Path | None, digest: str) -> None:
        self._folder = folder
        self._digest = digest

    def _path(self, folder: Path, number: int) -> Path:
        return folder / f"fold-{number}-{self._digest}.json"

    def read(self, number: int) -> Fold | None:
        if self._folder is None or not self._path(self._folder, number).is_file():
            return None
        return Fold(**json.loads(self._path(self._folder, number).read_text()))

    def write(self, number: int, result: Fold) -> None:
        if self._folder is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._path(self._folder, number)
        scratch = path.with_suffix(".part")
        scratch.write_text(json.dumps(asdict(result)))
        scratch.replace(path)
