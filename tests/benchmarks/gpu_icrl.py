"""Recipe `icrl` with a real model: does it learn to call a tool when no demonstration is shown?

    export FORETHOUGHT_DATA=FOLDER PYTHONPATH=tests/support
    python tests/benchmarks/gpu_icrl.py --out DIR [--model NAME] [--domain multihop|gsm8k]
    python tests/benchmarks/gpu_icrl.py --out DIR --device cpu      a small form, no measurement

Questions of HotpotQA and MuSiQue with the search tool, and of GSM8K with the Python tool. Trained
are `icrl` (3 demonstrations, then 2, then none) and the control that isolates the claim: the same
recipe without demonstrations, at equal rollouts. Measured on questions held out, without
demonstrations, at temperature 0.1: exact match, word F1, the share of replies with a call that a
tool answered, and calls; and the log-probability that a reply begins with `<think>`, as all that
are shown do, which moves before a rate does. The base model is measured with the demonstrations as
well. The table comes last, differences paired by question, and is in DIR/results.json. Stopped, the
same command goes on. Needs multihop_qa/ and gsm8k/ in $FORETHOUGHT_DATA.

Departures from the recipe's row and from the paper: the learning rate (--rate) and the number of
updates (--steps, a third for each stage), since hours are not at hand; up to three turns; for GSM8K
an answer is right where it is the same number. Models this small imitate turns of a conversation
and nothing that one long message shows, so demonstrations stand before the question as turns. A
turn without a call or an answer ends a rollout: told to try again, they repeat themselves.
"""

import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gpu_options import parser, sampled
from gpu_report import Section, run_study, side
from gpu_runs import Kept, Study
from prefix_tasks import final_number, gsm8k

from forethought.agent.types import Message
from forethought.envs.multihop.library import open_library
from forethought.envs.options import data_folder
from forethought.tools import python
from forethought.tools.find import Document, Index
from forethought.tools.find.tool import checked
from forethought.tools.sandbox.limits import Limits
from forethought.valuefn.rl.episodes import (
    RESULT,
    Demonstration,
    Episode,
    Heard,
    TextTool,
    ToolQuestion,
    prompt_text,
    text_tool,
)
from forethought.valuefn.rl.recipe import Recipe, Stage
from forethought.valuefn.rl.rewards import (
    Reward,
    Said,
    Task,
    answer_of,
    chosen_rewards,
    form,
    word_f1,
)
from forethought.valuefn.rl.roller import Setting
from forethought.valuefn.rl.rows import RECIPES

SHOWN = Path(__file__).with_name("gpu_icrl_shown.json")
"""Standing text and three demonstrations of each domain, written for this; about nothing real."""
DOMAINS = ("multihop", "gsm8k")
SOURCES = ("hotpotqa", "musique")
TURNS = 3
FOUND = 3
"""Passages of a search, as in the paper."""
LONGEST = 250
"""Characters of one; behind longer ones a small model forgets how to go on."""
COLD = 0.1
"""Temperature at which policies are measured, as in the paper."""
OPENS = "<think>"
"""How a reply in the wanted form begins."""
WHOLE = 10_000
"""Characters: no passage of the collection is longer."""
_FENCE = re.compile(r"^```\w*\n?|\n?```$")
_ANSWERED, _ = RESULT.split("{result}")
_FIGURES = {
    "exact": lambda row: row.rewards["exact"],
    "F1": lambda row: row.rewards["f1"],
    "tool answered": lambda row: float(answered(row) > 0),
    "calls": lambda row: float(answered(row)),
}


@dataclass(frozen=True, slots=True)
class Domain:
    """Questions with a tool."""

    name: str
    system: str
    shown: tuple[Demonstration, ...]
    tools: Mapping[str, TextTool]
    training: Sequence[Task]
    held_out: Sequence[Task]
    judges: Mapping[str, Reward]
    """Reward parts that replace the usual ones, and parts that are measured only."""

    def play(self, task: Task, shown: Sequence[Demonstration]) -> Episode:
        """A question of it."""
        return Chat(task, self, shown)


class Chat(ToolQuestion):
    """A question with tools, demonstrations being earlier turns of the conversation.

    Args:
        task: What is asked.
        domain: Its tools and its standing text.
        shown: Demonstrations.
    """

    def __init__(self, task: Task, domain: Domain, shown: Sequence[Demonstration]) -> None:
        super().__init__(task, domain.tools, calls=TURNS - 1, system="")
        self._system = Message("system", domain.system)
        self._shown = shown

    def begin(self) -> Sequence[Message]:
        """Standing text, what was asked and answered before, and the question."""
        earlier = (
            message
            for one in self._shown
            for message in (
                Message("user", prompt_text(Task("", one.question))),
                Message("assistant", one.solution),
            )
        )
        return (self._system, *earlier, *super().begin())

    def hear(self, text: str) -> Heard:
        """Answer a call; anything else ends it."""
        return super().hear(text) if text.rstrip().endswith(self.stop) else Heard()


def answered(row: Kept) -> int:
    """Calls that a tool answered; an error is no answer."""
    return sum(
        text.startswith(_ANSWERED) and not text.startswith(f"{_ANSWERED}Error:")
        for text in row.given
    )


def same_number(said: Said, task: Task) -> float:
    """1 where the answer is the right number, however it is written."""
    found = final_number(answer_of(said.text) or "")
    return float(found is not None and found == final_number(task.answers[0]))


def program(request: str) -> str:
    """A program without the fence that models put around one."""
    return _FENCE.sub("", request.strip())


def passages(index: Index, request: str) -> str:
    """The best passages as `[1] Title. Text`: a place to cite is copied into the next query."""
    hits = index.find(checked(request), FOUND)
    shown = (f"[{at}] {hit.passage.title}. {hit.passage.text}" for at, hit in enumerate(hits, 1))
    return "\n".join(one[:LONGEST] for one in shown) or "Nothing was found."


def order(tasks: Sequence[Task], seed: int) -> list[Task]:
    """The tasks shuffled; a larger beginning holds the smaller one."""
    return random.Random(f"icrl {seed}").sample(list(tasks), len(tasks))


def multihop(study: Study) -> Domain:
    """HotpotQA and MuSiQue by the splits of the multi-hop worlds, all of it searched."""
    library = open_library()
    index = Index.create(study.options.out / "index", longest=WHOLE)
    if not len(index):
        index.add(
            Document(f"p{place}", passage.title, passage.text)
            for place, passage in enumerate(library.passages)
        )
    tasks = {
        split: [
            Task(f"{split}-{number}", one.text, one.answers)
            for number, one in enumerate(library.questions[split])
            if one.source in SOURCES
        ]
        for split in ("train", "test")
    }
    tools = {"search": lambda request: passages(index, request)}
    return _domain(study, "multihop", tools, tasks, {"f1": word_f1()})


def sums(study: Study) -> Domain:
    """GSM8K by its own parts, with our Python tool."""
    folder = data_folder("gsm8k", "the questions of GSM8K are", "train.jsonl", "test.jsonl")
    tasks = {
        split: [Task(one.id, one.text, one.answers) for one in gsm8k(folder / f"{split}.jsonl")]
        for split in ("train", "test")
    }
    run = text_tool(python(limits=Limits(seconds=2.0, output=500)))
    tools = {"python": lambda request: run(program(request))}
    return _domain(study, "gsm8k", tools, tasks, {"exact": same_number, "f1": same_number})


def _domain(
    study: Study,
    name: str,
    tools: Mapping[str, TextTool],
    tasks: Mapping[str, Sequence[Task]],
    judges: Mapping[str, Reward],
) -> Domain:
    told = json.loads(SHOWN.read_text(encoding="utf-8"))[name]
    return Domain(
        name,
        told["system"],
        tuple(Demonstration(**one) for one in told["shown"]),
        tools,
        order(tasks["train"], study.options.seed),
        order(tasks["test"], study.options.seed)[: study.options.questions],
        {"format": form(tools=tools), **judges},
    )


MAKE = {"multihop": multihop, "gsm8k": sums}


def arms(study: Study) -> dict[str, Recipe]:
    """The recipe, and the same without demonstrations."""
    options, row = study.options, RECIPES["icrl"]
    each = max(1, options.steps // 3)
    curriculum = replace(
        row,
        steps=max(1, options.steps),
        prompts=options.prompts,
        group=options.group,
        optimiser=replace(row.optimiser, learning_rate=options.rate),
        sampling=sampled(options, replace(row.sampling, turns=TURNS)),
        stages=(Stage(3, steps=each), Stage(2, steps=each), Stage(0)),
    )
    return {"icrl": curriculum, "no demonstrations": replace(curriculum, stages=(Stage(0),))}


def settings(domain: Domain, recipe: Recipe) -> tuple[Setting, Setting]:
    """How a policy is trained, and how it is measured."""
    tasks = {task.id: task for task in domain.training}
    rewards = chosen_rewards(recipe.rewards, domain.judges)
    training = Setting(recipe, tasks, domain.play, rewards, domain.shown)
    cold = replace(recipe, sampling=replace(recipe.sampling, temperature=COLD))
    judged = chosen_rewards({**recipe.rewards, "f1": 0.0}, domain.judges)
    return training, replace(training, recipe=cold, rewards=judged)


class Icrl:
    """The study, one domain after the other.

    Args:
        names: Domains.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._domains: list[Domain] = []

    def work(self, study: Study) -> None:
        """Measure, train, measure."""
        for name in self._names:
            domain = MAKE[name](study)
            self._domains.append(domain)
            recipes = arms(study)
            _, asked = settings(domain, recipes["icrl"])
            base = study.options.model
            self._measure(study, f"{name} base", base, asked, domain)
            self._measure(study, f"{name} base, 3 shown", base, asked, domain, shown=3)
            for arm, recipe in recipes.items() if study.options.steps else ():
                training, asked = settings(domain, recipe)
                tuned = study.trained(f"{name}-{arm.replace(' ', '-')}", training)
                self._measure(study, f"{name} {arm}", tuned, asked, domain)

    def _measure(
        self,
        study: Study,
        policy: str,
        model: str | Path,
        how: Setting,
        domain: Domain,
        *,
        shown: int = 0,
    ) -> None:
        study.ask(policy, model, how, domain.held_out, shown=shown)
        study.open(policy, model, how, domain.held_out, OPENS, shown=shown)

    def report(self, study: Study) -> tuple[str, list[Section]]:
        """Every policy that was measured, and what `icrl` adds."""
        found: list[Section] = []
        for domain in self._domains:
            sides = {
                what: side(study, f"{domain.name} {what}", domain.held_out)
                for what in ("base", "base, 3 shown", "icrl", "no demonstrations")
            }
            seed, after = study.options.seed, sides["icrl"]
            there = {what: one for what, one in sides.items() if one is not None}
            found += [(domain.name, what, one.means(_FIGURES, seed)) for what, one in there.items()]
            found += [
                (domain.name, f"icrl less {what}", after.less(one, _FIGURES, seed))
                for what, one in there.items()
                if after is not None and what != "icrl"
            ]
        return f"icrl: {_spent(study)}", found


def _spent(study: Study) -> str:
    options = study.options
    return f"{options.steps} updates of {options.prompts} x {options.group} rollouts"


def main() -> None:
    made = parser(__doc__, tokens=128)
    made.add_argument("--domain", choices=DOMAINS, help="one of them; both by default")
    given = made.parse_args()
    study = Icrl((given.domain,) if given.domain else DOMAINS)
    run_study(given, study.work, study.report)


if __name__ == "__main__":
    main()
