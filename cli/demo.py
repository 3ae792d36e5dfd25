"""`forethought demo`: the whole idea on embedded defaults, in a few minutes.

Three parts. A head learns from negotiations between people, and is judged on dialogues it never
saw. Another learns from games, plays with what it learned, learns again, and is compared with a
rule of thumb and with its own control on games nobody has seen. Then a small language model thinks
ahead with it, aloud. What is whole from an earlier call is not done again.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.rule import Rule
from rich.text import Text

from forethought.agent.arms import Arm
from forethought.agent.budget import Budget
from forethought.agent.errors import MissingExtra, RunError, UserError
from forethought.agent.loop import run_episode
from forethought.agent.models.names import load_model
from forethought.agent.planners.refine import Refine
from forethought.agent.trace import FILE_NAME, TraceWriter
from forethought.agent.types import Trace
from forethought.cli.choices import check_folder, judges_for
from forethought.cli.console import Screen, count, plain
from forethought.cli.judging import ranking_table, scores_table
from forethought.cli.learning import rounds_table
from forethought.cli.watch import Watcher
from forethought.envs.bench import run_bench
from forethought.envs.casino import SUCCESS_GOAL, casino_traces
from forethought.envs.registry import get_world
from forethought.envs.report import save, terminal
from forethought.envs.rollouts import plan
from forethought.envs.scores import BenchReport
from forethought.valuefn.config import HeadConfig, head_config
from forethought.valuefn.critic import LearnedValue, load_critic
from forethought.valuefn.evaluate import evaluate
from forethought.valuefn.fit import fit_head
from forethought.valuefn.head import Head
from forethought.valuefn.improve import improve
from forethought.valuefn.page import write_page
from forethought.valuefn.pictures import write_picture, write_whole

WORLD = "bargaining-v0"
ARMS = ("heuristic", "unguided", "rank+permuted", "rank")
TALK_ARM = "refine@builtin"
TALK_OPPONENT = "conceder"
TALK_SEED = 5
"""Of the talk, whatever the demo's own seed: chosen so that one thought gives way to another."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything the demo does."""

    people: HeadConfig
    """Settings of the head that learns from people."""
    dialogues: int | None
    """Training traces of people; `None` for all."""
    games: HeadConfig
    """Settings of the heads that learn from games."""
    collected: int
    """Episodes collected at first; half as many are played with the head."""
    validation: int
    """Episodes that choose between the rounds."""
    compared: int
    """Test episodes for each arm."""
    talk: float
    """Seconds that the language model may take."""


FULL = Size(
    people=head_config("dialogue"),
    dialogues=None,
    games=head_config(members=3, steps=600),
    collected=3000,
    validation=400,
    compared=200,
    talk=60.0,
)
QUICK = Size(
    people=head_config("dialogue", members=1, steps=25, hidden=8),
    dialogues=60,
    games=head_config(members=1, steps=25, hidden=8),
    collected=40,
    validation=8,
    compared=8,
    talk=1.0,
)


def demo(out: Path, *, seed: int, quick: bool, as_json: bool) -> None:
    """Show the whole idea."""
    screen = Screen(as_json=as_json)
    folder = out / f"{'quick' if quick else 'full'}-{seed}"
    check_folder(out)
    check_folder(folder)
    show = _Demo(screen, folder, seed, QUICK if quick else FULL)
    began = time.perf_counter()
    people = show.people()
    report, head = show.games()
    talk = show.talk(head)
    result = {
        "seed": seed,
        "people": people,
        "games": report.to_json(),
        "talk": talk,
        "head": head,
        "seconds": time.perf_counter() - began,
    }
    show.close(head, result)
    screen.result(result | {"files": show.files})


class _Demo:
    """One showing: where it is printed, where it is kept, and how much it does."""

    def __init__(self, screen: Screen, out: Path, seed: int, size: Size) -> None:
        self.files: list[Path] = []
        self._screen, self._out, self._seed, self._size = screen, out, seed, size

    def _head(self, title: str, *lines: str) -> None:
        self._screen.say(Rule(Text(title), align="left"))
        for line in lines:
            self._screen.say(line)

    def people(self) -> dict[str, Any]:
        """Learn from people, and judge the head on dialogues it never saw."""
        traces = casino_traces(("train", "valid"))[: self._size.dialogues]
        unseen = casino_traces(("test",))
        self._head(
            "1 of 3: what people's words say about how a talk ends",
            f"{count(len(traces), 'side')} of negotiations between people to learn from, "
            f"{count(len(unseen), 'side')} of other negotiations to be judged on",
        )
        config = self._size.people.model_copy(update={"seed": self._seed})
        place = self._out / "people-head"
        if not _is_there(place, config.digest()):
            with self._screen.progress() as tell:
                head = fit_head(
                    traces,
                    config,
                    progress=lambda update, most, _: tell("learn from people", update, most),
                )
            head.save_pretrained(place)
        found = evaluate(load_critic(place), unseen, goal=SUCCESS_GOAL.text, seed=self._seed)
        self._screen.say(scores_table(found))
        self._screen.say(ranking_table(found))
        title = "People's negotiations, held out"
        self.files += [
            write_page(self._out / "people.html", found, title=title),
            write_picture(self._out / "people.png", found, title=title),
        ]
        return {"head": place, **asdict(found)}

    def games(self) -> tuple[BenchReport, Path]:
        """Learn from games, play with what was learned, learn again, and compare."""
        world = get_world(WORLD)
        self._head(
            "2 of 3: play, train, play again",
            f"{world.summary}.",
            "Every arm chooses among the same legal candidates: heuristic is a rule of thumb, "
            f"unguided {world.unguided},",
            "rank takes what a trained head values most, rank+permuted what a head values that "
            "learned from the wrong outcomes.",
        )
        with self._screen.progress() as tell:
            improved = improve(
                world,
                rounds=1,
                episodes=self._size.collected,
                seed=self._seed,
                out=self._out / "games",
                config=self._size.games,
                validation=self._size.validation,
                resume=True,
                progress=tell,
            )
        self._screen.say(rounds_table(WORLD, improved))
        critics = {
            "head": load_critic(improved.head),
            "permuted": load_critic(improved.head / "permuted", name="permuted"),
        }
        with self._screen.progress() as tell:
            report = asyncio.run(
                run_bench(
                    world,
                    ARMS,
                    episodes=self._size.compared,
                    seed=self._seed,
                    critics=critics,
                    out=self._out / "bench",
                    resume=True,
                    progress=tell,
                )
            )
        self._screen.say(terminal(report))
        self.files += reversed(save(report, self._out / "bench"))
        return report, improved.head

    def talk(self, head: Path) -> dict[str, Any] | None:
        """One negotiation by the builtin language model, told as it happens."""
        self._head(
            "3 of 3: a language model thinks ahead",
            "It states a thought, imagines what may come of it, hears from the trained head how "
            "likely that is,",
            "names another thought, and takes it where the head gives it more. The model is tiny: "
            "look at the stages, not the deal.",
        )
        try:
            trace = asyncio.run(self._talk(load_critic(head)))
        except MissingExtra as missing:
            self._screen.say(f"skipped: {missing}")
            return None
        except (RunError, UserError) as error:
            self._screen.warn(f"the model did not work here: {error}")
            return None
        outcome = trace.outcome
        if outcome is None:
            return None
        if outcome.reason.startswith("budget"):
            self._screen.say(f"cut off after {self._size.talk:g} seconds, as the demo promises")
        else:
            self._screen.say(
                f"reward {outcome.reward:.2f}: {outcome.facts.get('points', 0)} points"
            )
        usage = trace.usage
        self._screen.say(
            f"{count(len(trace.steps), 'decision')}, {usage.calls} model calls, "
            f"{usage.seconds:.0f} seconds"
        )
        self.files.append(self._out / "talk" / FILE_NAME)
        return {
            "decisions": len(trace.steps),
            "calls": usage.calls,
            "tokens": usage.tokens,
            "seconds": usage.seconds,
            "reward": outcome.reward,
            "reason": outcome.reason,
        }

    async def _talk(self, critic: LearnedValue) -> Trace:
        world, arm = get_world(WORLD), Arm.parse(TALK_ARM)
        model = load_model(arm.model or "")
        judges = judges_for([arm])
        planner = Refine(
            critic,
            match=judges.match if judges else None,
            same=judges.same if judges else None,
            insist=True,
            name=str(arm),
        )
        (episode,) = plan(
            world,
            split="test",
            episodes=1,
            seed=TALK_SEED,
            opponents=[TALK_OPPONENT],
            arm=str(arm),
            model=model.name,
        )
        file = self._out / "talk" / FILE_NAME
        file.unlink(missing_ok=True)
        with TraceWriter(file) as writer:
            return await run_episode(
                world.make(),
                planner,
                episode=episode,
                model=model,
                budget=Budget(seconds=self._size.talk),
                writer=writer,
                listen=Watcher(self._screen.talk, [episode]),
            )

    def close(self, head: Path, result: Mapping[str, Any]) -> None:
        """Keep the figures, and say what was written and what to try next."""
        text = json.dumps(plain(result), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        self.files.append(write_whole(self._out / "demo.json", text.encode()))
        self._head(f"done in {result['seconds']:.0f} seconds; it wrote")
        for file in self.files:
            self._screen.say(f"  {file}")
        self._screen.say("next, try")
        for line in (
            f"forethought view {self._out / 'bench'} {self._out / 'talk'} --open",
            f"forethought play {WORLD} --arm rank --critic {head} --episodes 1 --watch",
            f"forethought bench {WORLD} --arms heuristic,rank --critic {head} --episodes 800",
            f"forethought play {WORLD} --arm refine@builtin --critic {head} --episodes 1 --watch",
        ):
            self._screen.say(f"  {line}")


def _is_there(place: Path, digest: str) -> bool:
    """Whether a whole head of these settings is there from an earlier call."""
    try:
        return Head.from_pretrained(place).config.digest() == digest
    except UserError:
        return False
