"""Does a head know goals in words it was not trained on, once it was trained on others like them?

`python tests/benchmarks/worded_goals.py TRACES WORDINGS` takes the wordings of each outcome
sentence (the file that `forethought reword` leaves) and divides them in two. One head is trained on
the traces as they are, another on the same with half of the wordings; both are asked about the
other half on episodes of instances held out. Reported for each: share of supported estimates, and
AUC and log loss against what came true, with the stated sentence itself beside it.
"""

import argparse
import json
import sys
from collections.abc import Sequence

import numpy as np

from forethought.agent.rewording import read_wordings, reworded
from forethought.agent.trace import read_traces
from forethought.agent.types import Trace
from forethought.valuefn.config import HeadConfig
from forethought.valuefn.critic import LearnedValue
from forethought.valuefn.fit import fit_head
from forethought.valuefn.measures import auc, log_loss


def asked(critic: LearnedValue, traces: Sequence[Trace], goals: dict[str, str]) -> dict[str, float]:
    """Figures over all steps of the traces; `goals` maps what is asked to the sentence it means."""
    chances, truths, flags = [], [], []
    for trace in traces:
        if trace.outcome is None:
            continue
        known = dict.fromkeys(trace.outcome.reached, 1.0) | dict.fromkeys(trace.outcome.missed, 0.0)
        found = critic.chances(
            [step.state for step in trace.steps],
            [step.decision.candidate for step in trace.steps],
            list(goals),
        )
        chances.append(found.chance)
        flags.append(found.supported)
        truths.append(np.tile([known[text] for text in goals.values()], (len(trace.steps), 1)))
    chance, truth = np.concatenate(chances).ravel(), np.concatenate(truths).ravel()
    return {
        "estimates": chance.size,
        "supported": round(float(np.concatenate(flags).mean()), 3),
        "auc": round(auc(chance, truth), 3),
        "log_loss": round(log_loss(chance, truth), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("traces")
    parser.add_argument("wordings")
    parser.add_argument("--episodes", type=int, default=4000)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    traces = read_traces(options.traces).traces[: options.episodes]
    training = [trace for trace in traces if trace.episode.instance % 8]
    held = [trace for trace in traces if not trace.episode.instance % 8]
    words = {text: said for text, said in read_wordings(options.wordings).items() if len(said) > 1}
    known = {text: said[::2] for text, said in words.items()}
    new = {each: text for text, said in words.items() for each in said[1::2]}
    itself = {text: text for text in words}
    report: dict[str, object] = {"training": len(training), "held_out": len(held), "new": len(new)}
    for seed in range(options.seeds):
        config = HeadConfig(seed=seed)
        for name, given in (("plain", training), ("reworded", reworded(training, known))):
            critic = LearnedValue(fit_head(given, config))
            report[f"{name} {seed}"] = {
                "in new words": asked(critic, held, new),
                "as stated": asked(critic, held, itself),
            }
    sys.stdout.write(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
