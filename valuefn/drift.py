"""Drift: are new traces like those a head was trained on, and do its chances still hold?

Parts are tested one by one, and the p-values are corrected together (Holm):

- `state`, `thought`, `prefix`: a classifier told new texts from training texts; its AUC on episodes
  it was not fitted on, against the same with the labels of whole episodes dealt at random.
- `distance`: distance to half of the reference points, of new decisions against those of the other
  half's episodes; Kolmogorov-Smirnov statistic, with the same dealing of labels.
- `outcomes`: base rate of each outcome sentence, training against new; Fisher's exact test, the
  least of the sentences' p-values times their number. Groups of episodes count as one.
- `chances`: mean of chance minus truth on the new traces, in standard errors that count both the
  new groups and the held-out episodes the head was calibrated on; the least of the sentences'
  p-values times their number.

What training looked like is known from the head's own evidence: at most 2,048 of its training
decisions. A part of a thousand texts that never changes has nothing to be told by: its AUC is 0.5.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forethought.agent.errors import DataError, needs
from forethought.agent.types import Candidate, Trace
from forethought.valuefn.critic import LearnedValue
from forethought.valuefn.data import group_names
from forethought.valuefn.drifted import Drift, Part, Rate, Verdict
from forethought.valuefn.resampling import Measured, bootstrap, mean_of
from forethought.valuefn.support import Neighbours, projection, sample_rows
from forethought.valuefn.threads import one_thread
from forethought.valuefn.twosample import classifier_test, holm, ks_test

with needs("drift reports", "pip install 'forethought[value]'"):
    from scipy.stats import fisher_exact, norm

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
ALPHA = 0.05
"""Chance that some part is said to have moved when none did."""
TOLERATED = 0.05
"""A chance may be wrong by this much on average before the head should be trained again."""
UNSUPPORTED = 0.1
"""Share of unsupported decisions above which the head should be trained again."""
_ROWS = 800
"""Decisions of each side that are compared."""
LEAST = 10
"""Fewer new episodes than this say nothing."""


@dataclass(frozen=True, slots=True)
class _New:
    """The new traces as columns, one row a decision, `N` of them over `E` episodes."""

    state: list[str]
    thought: list[str]
    prefix: list[str]
    episode: Ints
    groups: Ints
    """Group of each episode, shape `(E,)`."""
    imagined: tuple[str, ...]
    """Goals that decisions weighed, each as often as it was."""
    truth: Floats
    """What came true by episode, for `goals`, shape `(E, G)`."""
    goals: tuple[str, ...]

    def candidates(self) -> list[Candidate]:
        """What was decided, with its prefix."""
        return [Candidate(t, p) for t, p in zip(self.thought, self.prefix, strict=True)]


def measure_drift(critic: LearnedValue, traces: Sequence[Trace], *, seed: int = 0) -> Drift:
    """Compare new traces with those a head was trained on.

    Args:
        critic: The head.
        traces: New episodes; those that are not finished or hold no step are passed over.
        seed: Of the samples and of the dealing of labels.

    Raises:
        DataError: If there are too few episodes.
    """
    new = _columns(traces)
    rng = np.random.default_rng([seed, 11])
    with one_thread():
        parts = _text_tests(critic, new, rng)
        supported, chance = _answers(critic, new)
        rates = _rates(critic, new, chance)
        parts += [*_rate_test(critic, new), *_chance_test(critic, new, chance)]
    corrected = holm([part.p for part in parts])
    found = tuple(
        Part(p.name, p.measure, p.value, q, q <= ALPHA, p.words)
        for p, q in zip(parts, corrected, strict=True)
    )
    strange = bootstrap(
        [mean_of((~supported).astype(np.float32), new.episode, len(new.groups))],
        new.groups,
        seed=seed,
    )
    unsupported = strange[0] or Measured(0.0, 0.0, 0.0)
    unknown = tuple(goal for goal in new.goals if goal not in critic.head.goals)
    verdict, words = _judge(found, unsupported, rates, unknown)
    return Drift(
        verdict,
        words,
        len(new.groups),
        len(new.state),
        unsupported,
        unknown,
        _goals_supported(critic, new),
        found,
        rates,
    )


def _columns(traces: Sequence[Trace]) -> _New:
    usable = [t for t in traces if t.outcome is not None and t.outcome.finished and t.steps]
    if len(usable) < LEAST:
        raise DataError(
            f"{len(usable)} finished episodes say nothing about drift; at least {LEAST} are needed"
        )
    outcomes = [t.outcome for t in usable if t.outcome is not None]
    goals = tuple(dict.fromkeys(g for o in outcomes for g in (*o.reached, *o.missed)))
    column = {goal: number for number, goal in enumerate(goals)}
    truth = np.full((len(usable), len(goals)), np.nan, dtype=np.float32)
    for row, outcome in enumerate(outcomes):
        truth[row, [column[goal] for goal in outcome.missed]] = 0
        truth[row, [column[goal] for goal in outcome.reached]] = 1
    names = group_names(usable)
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    steps = [(row, step) for row, trace in enumerate(usable) for step in trace.steps]
    return _New(
        [step.state for _, step in steps],
        [step.decision.candidate.thought for _, step in steps],
        [step.decision.candidate.prefix for _, step in steps],
        np.asarray([row for row, _ in steps], dtype=np.int64),
        np.asarray([numbers[name] for name in names], dtype=np.int64),
        tuple(goal.text for _, step in steps for goal in step.decision.goals),
        truth,
        goals,
    )


def _text_tests(critic: LearnedValue, new: _New, rng: np.random.Generator) -> list[Part]:
    """Classifiers between training and new texts, and the distances to the reference points."""
    evidence = critic.head.evidence
    seed = int(rng.integers(2**31))
    old_rows = sample_rows(len(evidence), _ROWS, seed)
    new_rows = sample_rows(len(new.state), _ROWS, seed + 1)
    names = {name: n for n, name in enumerate(dict.fromkeys(r.episode for r in evidence))}
    old_units = np.asarray([names[evidence[row].episode] for row in old_rows])
    units = np.concatenate([old_units, len(names) + new.groups[new.episode[new_rows]]])
    is_new = np.arange(len(units)) >= len(old_rows)
    old = {
        name: [str(getattr(evidence[row], name)) for row in old_rows]
        for name in ("state", "thought", "prefix")
    }
    recent = {"state": new.state, "thought": new.thought, "prefix": new.prefix}
    parts, features = [], []
    for name, texts in old.items():
        both = texts + [recent[name][row] for row in new_rows]
        x = _features(critic, name, both)
        features.append(x)
        auc, p = classifier_test(x, is_new, units, rng)
        words = f"a classifier tells new {name} texts from training ones with AUC {auc:.2f}"
        parts.append(Part(name, "AUC", auc, p, False, words))
    joined = np.concatenate(features, axis=1)
    joined = joined @ projection(joined.shape[1])
    parts.append(_distance_test(joined, is_new, units, rng))
    return parts


def _features(critic: LearnedValue, name: str, texts: Sequence[str]) -> Floats:
    """Features of each text, shape `(N, D)`; each text is encoded once."""
    once = {text: n for n, text in enumerate(dict.fromkeys(texts))}
    found = critic.head.blocks[name].apply(critic.encoder.encode(list(once)))
    return found[[once[text] for text in texts]]


def _distance_test(
    points: Floats, is_new: NDArray[np.bool_], units: Ints, rng: np.random.Generator
) -> Part:
    """Distances to half of the training episodes' points: new ones against the other half's."""
    trained = np.unique(units[~is_new])
    base = np.isin(units, rng.permutation(trained)[: len(trained) // 2])
    distance = Neighbours(points[base]).distances(points[~base])
    gap, p = ks_test(distance, is_new[~base], units[~base], rng)
    means = [float(np.mean(distance[is_new[~base] == side])) for side in (True, False)]
    words = (
        f"new decisions lie {means[0]:.2f} from the training data, training decisions "
        f"{means[1]:.2f} from each other (means)"
    )
    return Part("distance", "KS", gap, p, False, words)


def _answers(critic: LearnedValue, new: _New) -> tuple[NDArray[np.bool_], Floats]:
    """Whether each decision lies near the data, and mean chances by episode, shape `(E, G)`."""
    known = [goal for goal in new.goals if goal in critic.head.goals]
    ask = known or list(critic.head.goals[:1])
    found = critic.chances(new.state, new.candidates(), ask)
    chance = np.full((len(new.groups), len(new.goals)), np.nan, dtype=np.float32)
    counts = np.bincount(new.episode, minlength=len(new.groups))
    for number, goal in enumerate(known):
        sums = np.bincount(new.episode, weights=found.chance[:, number])
        chance[:, new.goals.index(goal)] = sums / counts
    supported: NDArray[np.bool_] = np.logical_or.reduce(found.supported, axis=1)
    return supported, chance


def _goals_supported(critic: LearnedValue, new: _New) -> float:
    """Share of the goals near a training goal, asked about a logged decision of the head's own."""
    known = critic.head.evidence[0]
    uses = Counter((*new.goals, *new.imagined))
    found = critic.chances([known.state], [Candidate(known.thought, known.prefix)], list(uses))
    near = sum(n for n, true in zip(uses.values(), found.supported[0], strict=True) if true)
    return near / uses.total()


def _rates(critic: LearnedValue, new: _New, chance: Floats) -> tuple[Rate, ...]:
    trained = _trained_counts(critic)
    statistics = []
    for number in range(len(new.goals)):
        known = np.flatnonzero(~np.isnan(new.truth[:, number]))
        told = known[~np.isnan(chance[known, number])]
        gap = chance[told, number] - new.truth[told, number]
        statistics.append(mean_of(new.truth[known, number], known, len(new.groups)))
        statistics.append(mean_of(gap, told, len(new.groups)))
    figures = bootstrap(statistics, new.groups)
    found = []
    for number, goal in enumerate(new.goals):
        reached, of = trained.get(goal, (0, 0))
        rate, gap = figures[2 * number], figures[2 * number + 1]
        if rate is not None:
            found.append(Rate(goal, reached / of if of else None, rate, gap))
    return tuple(found)


def _trained_counts(critic: LearnedValue) -> dict[str, tuple[int, int]]:
    """By sentence: training episodes that reached it, of how many; old heads tell by evidence."""
    kept = critic.head.metrics.get("data", {}).get("outcomes")
    if isinstance(kept, Mapping):
        return {goal: (int(counts[0]), int(counts[1])) for goal, counts in kept.items()}
    ends = {reference.episode: reference.reached for reference in critic.head.evidence}
    return {
        goal: (sum(number in reached for reached in ends.values()), len(ends))
        for number, goal in enumerate(critic.head.goals)
    }


def _rate_test(critic: LearnedValue, new: _New) -> list[Part]:
    """Base rates of the outcome sentences, training against new."""
    data = critic.head.metrics.get("data", {})
    alone = data.get("groups", 1) / max(data.get("episodes", 1), 1) if "groups" in data else 1.0
    new_alone = len(np.unique(new.groups)) / len(new.groups)
    tested: list[tuple[float, float, str]] = []
    for goal, (reached, of) in _trained_counts(critic).items():
        if not of or goal not in new.goals:
            continue
        column = new.truth[:, new.goals.index(goal)]
        known = column[~np.isnan(column)]
        before, now = reached / of, float(known.mean())
        sizes = max(round(of * alone), 1), max(round(len(known) * new_alone), 1)
        p = float(fisher_exact([_split(before, sizes[0]), _split(now, sizes[1])])[1])
        words = f"{goal!r} came true in {now:.0%} of the new episodes, {before:.0%} in training"
        tested.append((p, now - before, words))
    return _least("outcomes", "change of rate", tested)


def _chance_test(critic: LearnedValue, new: _New, chance: Floats) -> list[Part]:
    """Mean of chance minus truth, against what new and held-out episodes let one expect."""
    held = critic.head.metrics.get("held_out", {}).get("episodes") or len(new.groups)
    tested: list[tuple[float, float, str]] = []
    for number, goal in enumerate(new.goals):
        gap = chance[:, number] - new.truth[:, number]
        known = np.flatnonzero(~np.isnan(gap))
        if not len(known):
            continue
        mean, rate = float(gap[known].mean()), float(chance[known, number].mean())
        sums = np.bincount(new.groups[known], weights=gap[known] - mean)
        error = np.sqrt(np.square(sums).sum() / len(known) ** 2 + rate * (1 - rate) / held)
        p = float(2 * norm.sf(abs(mean) / max(error, 1e-9)))
        words = f"the head says {rate:.2f} for {goal!r} on average, and {rate - mean:.2f} came true"
        tested.append((p, mean, words))
    return _least("chances", "mean of chance minus truth", tested)


def _least(name: str, measure: str, tested: Sequence[tuple[float, float, str]]) -> list[Part]:
    """The sentence that moved most, its p-value corrected for their number."""
    if not tested:
        return []
    p, value, words = min(tested)
    return [Part(name, measure, value, min(p * len(tested), 1.0), False, words)]


def _split(share: float, count: int) -> list[int]:
    reached = round(share * count)
    return [reached, count - reached]


def _judge(
    parts: Sequence[Part], unsupported: Measured, rates: Sequence[Rate], unknown: Sequence[str]
) -> tuple[Verdict, tuple[str, ...]]:
    """What to do, and why in words."""
    moved = [part for part in parts if part.moved]
    words = [f"{part.name} moved: {part.words}" for part in moved]
    chances = any(part.name == "chances" for part in moved)
    wrong = [r for r in rates if r.gap and (r.gap.low > TOLERATED or r.gap.high < -TOLERATED)]
    foreign = unsupported.low > UNSUPPORTED
    if foreign:
        words.append(f"{unsupported.value:.0%} of the decisions lie where the head has no data")
    if unknown:
        words.append(f"the head does not know {len(unknown)} of the outcome sentences")
    if foreign or (chances and wrong):
        words.append("train again, with the new traces among the others")
        return "retrain", tuple(words)
    if moved or unknown:
        words.append("its chances still hold as far as these traces can tell; watch it")
        return "watch", tuple(words)
    return "keep", ("nothing moved that these traces can show; keep the head",)
