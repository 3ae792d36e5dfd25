"""The real next act of a persuader ranked among acts of other dialogues: heads, words, a model.

    python tests/benchmarks/persuasion_ranking.py --split validation --out ranking-validation.json
    python tests/benchmarks/persuasion_ranking.py --split test --out ranking.json
    python tests/benchmarks/persuasion_ranking.py --split test --out ranking-model.json --model 60

Heads are trained on the training dialogues and ranked by alone: `next act, ...` ask how likely the
act itself is to come next, `outcome` how likely a donation is after it, and `acts dealt` is the
control, trained on acts dealt to other dialogues at the same turn. `words` and `neighbours` go by
TF-IDF: how alike talk and act are, and how alike the act is to what followed in the most alike
training talks. `--model N` asks a small language model (`builtin`) about one turn of each of N
dialogues instead: how likely the act's words are after the talk, in all, for each token, and beyond
what they are without the talk; what it found is kept beside `--out`. Needs `FORETHOUGHT_DATA`.
"""

import argparse
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer

from forethought.agent.models.llamacpp import builtin_file
from forethought.agent.models.weights import Loaded, Settings, load
from forethought.agent.types import Candidate, Trace
from forethought.envs.persuasion.following import RECENT, act_text, following_traces, talk_text
from forethought.envs.persuasion.ranking import (
    Query,
    chance_level,
    compare,
    judge,
    make_queries,
    split_talks,
)
from forethought.envs.persuasion.traces import DONATED, persuasion_traces
from forethought.valuefn.cache import RememberingEncoder
from forethought.valuefn.config import HeadConfig, head_config
from forethought.valuefn.critic import LearnedValue
from forethought.valuefn.encoders import make_encoder
from forethought.valuefn.fit import fit_head

Rows = list[NDArray[np.float64]]
NEXT: dict[str, Any] = {
    "encoder": "lines+notes",
    "gamma": 1.0,
    "expectile": 0.5,
    "hidden": 64,
    "members": 1,
    "steps": 600,
    "shares": {"outcome": 0.2, "future": 0.4, "current": 0.0, "other": 0.4, "nearness": 1.0},
}
"""Settings of the heads whose goal is the next act, tried on validation dialogues; wider and longer
trained ones did better there, and cost several times as much."""
NEIGHBOURS = 30
HEARD = 8
"""Utterances of the talk that the language model reads; the head has the notes on all of it."""


def next_act(
    train: Sequence[Query], asked: Sequence[Query], row: str, dealt: int | None = None
) -> Rows:
    """How likely each act is to come next, by a head trained to say so."""
    config = head_config(row, **NEXT)
    encoder = RememberingEncoder(make_encoder(config.encoder))
    critic = LearnedValue(
        fit_head(following_traces(train, dealt=dealt), config, encoder=encoder), encoder
    )
    nothing = [Candidate("")]
    return [
        critic.chances([talk_text(q, RECENT)], nothing, [act_text(act) for act in q.acts])
        .chance[0]
        .astype(float)
        for q in asked
    ]


def outcome(train: Sequence[Trace], asked: Sequence[Query], config: HeadConfig) -> Rows:
    """How likely a donation is after each act."""
    encoder = RememberingEncoder(make_encoder(config.encoder))
    critic = LearnedValue(fit_head(train, config, encoder=encoder), encoder)
    return [
        critic.chances([q.state] * len(q.acts), [Candidate(a) for a in q.acts], [DONATED.text])
        .chance[:, 0]
        .astype(float)
        for q in asked
    ]


def alike(train: Sequence[Query], asked: Sequence[Query], *, neighbours: bool) -> Rows:
    """TF-IDF: the talk's end beside the act, or beside training talks and what followed there."""
    talks = ["\n".join(q.heard[-RECENT:]) for q in train]
    followed = [q.acts[q.real] for q in train]
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2)
    words.fit(talks + followed)
    known, after = words.transform(talks), words.transform(followed)
    found: Rows = []
    for query in asked:
        talk = words.transform(["\n".join(query.heard[-RECENT:])])
        acts = words.transform(query.acts)
        if not neighbours:
            found.append((acts @ talk.T).toarray()[:, 0])
            continue
        near = (known @ talk.T).toarray()[:, 0]
        best = np.argsort(-near)[:NEIGHBOURS]
        found.append((acts @ after[best].T).toarray() @ near[best])
    return found


def token_likelihoods(model: Loaded, before: str, texts: Sequence[str]) -> list[tuple[float, int]]:
    """Log-likelihood of each text after another one, nats, with its number of tokens.

    What stands before is read once for all texts.
    """
    start = torch.tensor([model.tokenizer(before)["input_ids"]])
    rows = [model.tokenizer(text)["input_ids"] for text in texts]
    ids = torch.zeros((len(rows), max(map(len, rows))), dtype=torch.long)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = torch.tensor(row)
    with torch.inference_mode():
        read = model.model(start, use_cache=True, logits_to_keep=1)
        first = read.logits[:, -1:].expand(len(rows), -1, -1)
        cache = read.past_key_values
        cache.batch_repeat_interleave(len(rows))
        later = model.model(ids, past_key_values=cache, use_cache=True).logits[:, :-1]
        chances = torch.cat([first, later], dim=1).log_softmax(dim=-1)  # (acts, tokens, vocabulary)
    each = chances.gather(2, ids[:, :, None])[:, :, 0]
    return [(float(each[n, : len(row)].sum()), len(row)) for n, row in enumerate(rows)]


def by_model(asked: Sequence[Query], kept: Path) -> dict[str, Rows]:
    """Three rankings by `builtin`; what was asked before is read back from a file."""
    found: dict[str, Any] = json.loads(kept.read_text()) if kept.exists() else {}
    model = load(Settings(str(builtin_file()), device="cpu"))
    told = "A talk about a donation to the charity Save the Children.\n"
    for query in asked:
        name = f"{query.talk}/{query.turn}"
        if name not in found:
            names = {"me": "Persuader", "you": "Other"}
            lines = [x.partition(": ") for x in query.heard[-HEARD:]]
            heard = "".join(f"{names[who]}: {text}\n" for who, _, text in lines)
            acts = [f" {act}\n" for act in query.acts]
            found[name] = [
                token_likelihoods(model, f"{told}{before}Persuader:", acts)
                for before in (heard, "")
            ]
            kept.write_text(json.dumps(found))
    ways: dict[str, Callable[[Any, Any], float]] = {
        "model, all tokens": lambda after, alone: after[0],
        "model, each token": lambda after, alone: after[0] / after[1],
        "model, beyond no talk": lambda after, alone: after[0] - alone[0],
    }
    return {
        way: [
            np.asarray([score(a, b) for a, b in zip(*found[f"{q.talk}/{q.turn}"], strict=True)])
            for q in asked
        ]
        for way, score in ways.items()
    }


def one_of_each(queries: Sequence[Query], talks: int) -> list[Query]:
    """One turn of each of so many dialogues, drawn by a fixed seed."""
    rng = random.Random("persuasion model")
    turns: dict[str, list[Query]] = {}
    for query in queries:
        turns.setdefault(query.talk, []).append(query)
    return [rng.choice(own) for own in list(turns.values())[:talks]]


def report(name: str, queries: Sequence[Query], rows: Rows, beside: Rows | None) -> dict[str, Any]:
    """One line of the table, printed and returned."""
    told = judge(queries, rows)
    one: dict[str, Any] = {"queries": told.queries, "dialogues": told.reciprocal.n}
    cells = {"mrr": told.reciprocal, "first": told.first}
    if beside is not None:
        cells["mrr, head minus this"], cells["first, head minus this"] = compare(
            queries, beside, rows
        )
    for key, cell in cells.items():
        one[key] = [round(cell.value, 3), round(cell.low, 3), round(cell.high, 3)]
    print(f"{name}: {json.dumps(one)}", flush=True)
    return one


def main() -> None:
    """Rank one split by everything."""
    parser = argparse.ArgumentParser(description="Rank the real next act of a persuader.")
    parser.add_argument("--split", choices=("validation", "test"), required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", type=int, default=0, metavar="N", help="dialogues for builtin")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    parts = split_talks(persuasion_traces())
    train, queries = make_queries(parts["train"]), make_queries(parts[asked.split])
    if asked.model:
        queries = one_of_each(queries, asked.model)
    head = next_act(train, queries, "monte-carlo")
    settings = head_config("talk", focus=DONATED.text)
    found: dict[str, Any] = {"chance": chance_level()}
    found["next act, monte-carlo"] = report("next act, monte-carlo", queries, head, None)
    others: dict[str, Callable[[], Rows]] = {
        "words": lambda: alike(train, queries, neighbours=False),
        "neighbours": lambda: alike(train, queries, neighbours=True),
    }
    more: dict[str, Callable[[], Rows]] = {
        "next act, acts dealt": lambda: next_act(train, queries, "monte-carlo", dealt=0),
        "next act, contrastive": lambda: next_act(train, queries, "contrastive"),
        "outcome, talk": lambda: outcome(parts["train"], queries, settings),
    }
    if asked.model:
        for name, rows in by_model(queries, asked.out.with_suffix(".model.json")).items():
            found[name] = report(name, queries, rows, head)
    else:
        others |= more
    for name, rank in others.items():
        found[name] = report(name, queries, rank(), head)
    asked.out.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
