"""What training again on all episodes brings, on the train and valid splits of CaSiNo.

Usage: python tests/benchmarks/refit.py [--folds 3] [--seeds 1]

Folds are by dialogue; early stopping and calibration take place inside the training folds. Both
heads are asked about the same episodes, and differences are drawn again by dialogue.
"""

import argparse

import numpy as np

from forethought.envs.casino import SUCCESS_GOAL, casino_traces
from forethought.valuefn.cache import RememberingEncoder
from forethought.valuefn.config import head_config
from forethought.valuefn.critic import LearnedValue
from forethought.valuefn.dealing import group_folds
from forethought.valuefn.encoders import make_encoder
from forethought.valuefn.evaluate import ask, share_name
from forethought.valuefn.fit import fit_head
from forethought.valuefn.measures import auc, calibration_error
from forethought.valuefn.queries import SHARES, Cases, make_cases, select
from forethought.valuefn.scoring import difference


def predictions(cases: Cases, folds: int, seed: int) -> dict[bool, np.ndarray]:
    """Chances of heads that did not see the episode, without and with refit, shape `(S, E, G)`."""
    encoder = RememberingEncoder(make_encoder("hashed"))
    fold = group_folds(cases.groups, folds, seed)
    shape = (len(SHARES), len(cases), len(cases.goals))
    chance = {refit: np.zeros(shape, dtype=np.float32) for refit in (False, True)}
    for number in range(folds):
        outside = fold == number
        for refit, found in chance.items():
            config = head_config("dialogue", focus=SUCCESS_GOAL.text, seed=seed, refit=refit)
            head = fit_head(select(cases, ~outside).traces, config, encoder=encoder)
            asked = ask(LearnedValue(head, encoder), select(cases, outside), SHARES)
            found[:, outside] = asked.chance
    return chance


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()
    cases = make_cases(casino_traces(("train", "valid")))
    goal = cases.index(SUCCESS_GOAL.text)
    truth = cases.truth[:, goal]
    found = [predictions(cases, arguments.folds, seed) for seed in range(arguments.seeds)]
    without, with_refit = (
        np.mean([each[refit] for each in found], axis=0) for refit in (False, True)
    )
    print(f"{len(cases)} episodes, {arguments.folds} folds, {arguments.seeds} seeds averaged")
    print("seen    AUC without  with     difference                   calibration error")
    for number, share in enumerate(SHARES):
        one, other = with_refit[number], without[number]
        apart = difference("", cases, one[None], other[None], goals=[goal]).auc
        assert apart is not None
        print(
            f"{share_name(share):6}  {auc(other[:, goal], truth):.3f}        "
            f"{auc(one[:, goal], truth):.3f}    "
            f"{apart.value:+.3f} ({apart.low:+.3f} to {apart.high:+.3f})   "
            f"{calibration_error(other[:, goal], truth):.3f} -> "
            f"{calibration_error(one[:, goal], truth):.3f}"
        )


if __name__ == "__main__":
    main()
