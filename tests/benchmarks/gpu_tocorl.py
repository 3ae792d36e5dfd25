"""Recipe `tocorl` with a real model: does it learn to answer at once, where that is enough?

    export FORETHOUGHT_DATA=FOLDER PYTHONPATH=tests/support
    python tests/benchmarks/gpu_tocorl.py --out DIR [--model NAME]
    python tests/benchmarks/gpu_tocorl.py --out DIR --device cpu    a small form, no measurement

Questions of GSM8K and short facts (prefix_facts.json), asked so that both ways of answering are
left open (tests/support/prefix_tasks.py). The prefix is mined from the model's own replies
(`PrefixBank`) and tried on validation questions; `--bank FILE` takes a bank mined before. Trained
are `tocorl`, a quarter of each group beginning with the prefix, and plain GRPO at equal rollouts.

The reward knows neither domain nor mode: 1 for a right answer, and up to 0.2 more for a short one
where it is right, so that what is right both ways is better said at once. Measured on held-out
questions, as they were sampled in training, WITHOUT a prefix: the rate of direct answers, accuracy,
tokens; and the log-probability that the policy begins with the prefix, which moves before the rate
does. The base model is measured with the prefix forced as well. The table comes last, differences
paired by question, and is in DIR/results.json. Stopped, the same command goes on. There are enough
facts for 100 held-out questions of each domain.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from gpu_options import parser, sampled, tell
from gpu_report import OPENING, Figure, Section, means, run_study, side
from gpu_runs import Kept, Study
from prefix_study import (
    DOMAINS,
    OPENING_TOKENS,
    SAMPLES,
    TRIED,
    Graded,
    Sizes,
    Splits,
    make_splits,
    mine,
)
from prefix_tasks import Question, behaviour, is_right

from forethought.agent.prefixes import PrefixBank
from forethought.envs.options import PLACE, data_folder
from forethought.valuefn.rl.episodes import Demonstration, Episode
from forethought.valuefn.rl.episodes import Question as OneReply
from forethought.valuefn.rl.recipe import Prefixes, Recipe, Sampling
from forethought.valuefn.rl.rewards import Reward, Said, Task
from forethought.valuefn.rl.roller import Setting
from forethought.valuefn.rl.rows import RECIPES

MODE = "direct"
BRIEF = 0.2
LONG = 100
"""Words from which on a reply earns nothing for being short."""
ROOM = 32
"""Tokens for a prefix, beside those of a turn."""
WARM = 0.7
"""Temperature of the replies that prefixes are mined from."""


def task_of(question: Question, wording: int = 0, sample: int = 0) -> Task:
    """A question as it is asked; its other wordings and samples are tasks of their own."""
    name = question.id if (wording, sample) == (0, 0) else f"{question.id}/{wording}/{sample}"
    return Task(name, question.prompt(wording), question.answers, {"question": question})


def right(said: Said, task: Task) -> float:
    """1 where the answer is right."""
    return float(is_right(task.data["question"], said.text))


def brief(said: Said, task: Task) -> float:
    """Up to 1 for a right answer, the more the fewer words it has."""
    return right(said, task) * max(0.0, 1.0 - len(said.text.split()) / LONG)


REWARDS: dict[str, Reward] = {"right": right, "brief": brief}


def play(task: Task, shown: Sequence[Demonstration]) -> Episode:
    """The question alone."""
    return OneReply(task, shown, bare=True)


def figures(questions: Mapping[str, Question]) -> dict[str, Figure]:
    """What is told of a reply, by the questions' ids."""

    def direct(row: Kept) -> float:
        cut = row.finish != "eos"
        return float(behaviour(questions[row.task], row.text, cut=cut) == MODE)

    return {
        "direct": direct,
        "right": lambda row: row.rewards["right"],
        "tokens": lambda row: float(row.tokens),
    }


def arms(study: Study, prefix: str) -> dict[str, Recipe]:
    """The recipe, and plain GRPO at equal rollouts."""
    options = study.options
    # a quarter of a small group would be no rollout
    forced = Prefixes((prefix,), share=max(0.25, 1 / options.group))
    rows = {
        "tocorl": replace(RECIPES["tocorl"], prefixes=forced),
        "grpo": RECIPES["grpo"],
    }
    return {name: shared(study, row) for name, row in rows.items()}


def shared(study: Study, row: Recipe) -> Recipe:
    """A row with everything that both arms have in common."""
    options = study.options
    return replace(
        row,
        steps=options.steps,
        prompts=options.prompts,
        group=options.group,
        optimiser=replace(row.optimiser, learning_rate=options.rate),
        sampling=sampled(options, Sampling(completion_tokens=options.tokens + ROOM)),
        rewards={"right": 1.0, "brief": BRIEF},
        success="right",
    )


def setting(recipe: Recipe, questions: Sequence[Question] = ()) -> Setting:
    """A training on these questions, or a way to measure any."""
    return Setting(recipe, {one.id: task_of(one) for one in questions}, play, REWARDS)


def short(study: Study, temperature: float = 1.0) -> Setting:
    """A way to see how replies begin."""
    row = shared(study, RECIPES["grpo"])
    sampling = replace(row.sampling, temperature=temperature, turn_tokens=OPENING_TOKENS)
    return setting(replace(row, sampling=sampling))


def splits_of(study: Study) -> Splits:
    """Questions by use, few on a CPU; held-out ones of GSM8K are of its test part."""
    data_folder("gsm8k", "the questions of GSM8K are", "train.jsonl", "test.jsonl")
    count = study.options.questions
    few = study.options.device == "cpu"
    sizes = Sizes(10, 2, 4, count) if few else Sizes(60, 10, 30, min(count, 100))
    return make_splits(Path(os.environ[PLACE]), sizes, study.options.seed)


def mined(study: Study, splits: Splits) -> PrefixBank:
    """Prefixes from what the model says of itself, in every wording."""
    tasks = {
        task.id: (question, task)
        for wording, count in enumerate(SAMPLES)
        for question in splits.mining
        for task in (task_of(question, wording, sample) for sample in range(count))
    }
    how = short(study, WARM)
    rows = study.ask("mining", study.options.model, how, [task for _, task in tasks.values()])
    return mine([graded(tasks[row.task][0], row) for row in rows])


def graded(question: Question, row: Kept) -> Graded:
    """A kept reply in the words of the study of prefixes."""
    cut = row.finish != "eos"
    shows = behaviour(question, row.text, cut=cut)
    is_it = is_right(question, row.text, cut=cut)
    return Graded(question, "none", shows, is_it, row.tokens, cut, row.text)


def tried(study: Study, splits: Splits, bank: PrefixBank) -> str:
    """The prefix after which most replies to validation questions are direct.

    Of equal ones that which the model itself begins with most rarely: the others show it nothing.
    """
    questions = {one.id: one for one in splits.validation}
    direct = figures(questions)["direct"]
    found: dict[str, tuple[float, float]] = {}
    for text in bank.prefixes(MODE, each=TRIED):
        rows = study.ask(
            f"tried {text}",
            study.options.model,
            short(study),
            list(map(task_of, splits.validation)),
            prefix=text,
        )
        found[text] = fmean(map(direct, rows)), -fmean(row.opening for row in rows)
    tell(f"direct answers after a prefix, and nats that it takes: {found}")
    return max(found, key=lambda text: found[text])


class Tocorl:
    """The study.

    Args:
        bank: A bank mined before; mined here where there is none.
    """

    def __init__(self, bank: Path | None = None) -> None:
        self._bank = bank
        self._held: list[Question] = []
        self._prefix = ""

    def work(self, study: Study) -> None:
        """Mine, try, measure, train, measure."""
        splits = splits_of(study)
        bank = PrefixBank.load(self._bank) if self._bank else mined(study, splits)
        bank.save(study.options.out / "bank.json")
        self._held = splits.held_out
        self._prefix = tried(study, splits, bank)
        recipes = arms(study, self._prefix)
        how, base = setting(recipes["grpo"]), study.options.model
        tasks = list(map(task_of, self._held))
        study.ask("base, prefix forced", base, how, tasks, prefix=self._prefix)
        self._measure(study, "base", base, how)
        for name, recipe in recipes.items():
            # mining questions are no held-out ones
            tuned = study.trained(name, setting(recipe, [*splits.mining, *splits.training]))
            self._measure(study, name, tuned, how)

    def _measure(self, study: Study, name: str, model: str | Path, how: Setting) -> None:
        tasks = list(map(task_of, self._held))
        study.ask(name, model, how, tasks)
        study.open(name, model, how, tasks, self._prefix)

    def report(self, study: Study) -> tuple[str, list[Section]]:
        """Every policy without a prefix, domain by domain, and what `tocorl` adds."""
        found: list[Section] = []
        for domain in DOMAINS:
            found += self._of(study, [one for one in self._held if one.domain == domain], domain)
        options = study.options
        spent = f"{options.steps} updates of {options.prompts} x {options.group} rollouts"
        return f"tocorl: prefix {self._prefix!r}, {spent}", found

    def _of(self, study: Study, questions: Sequence[Question], domain: str) -> list[Section]:
        of, seed = figures({one.id: one for one in questions}), study.options.seed
        tasks = list(map(task_of, questions))
        found: list[Section] = []
        if forced := study.known("base, prefix forced", tasks):
            found.append((domain, "base, prefix forced", means(forced, {**of, **OPENING}, seed)))
        sides = {name: side(study, name, tasks) for name in ("base", "tocorl", "grpo")}
        there = {name: one for name, one in sides.items() if one is not None}
        found += [(domain, name, one.means(of, seed)) for name, one in there.items()]
        after = there.pop("tocorl", None)
        if after is not None:
            found += [
                (domain, f"tocorl less {name}", after.less(one, of, seed))
                for name, one in there.items()
            ]
        return found


def main() -> None:
    made = parser(__doc__, tokens=200)
    made.add_argument("--bank", type=Path, metavar="FILE", help="prefixes mined before")
    given = made.parse_args()
    study = Tocorl(given.bank)
    run_study(given, study.work, study.report)


if __name__ == "__main__":
    main()
