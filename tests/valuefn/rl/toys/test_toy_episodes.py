import pytest
import torch

from forethought.agent.errors import ConfigError
from forethought.valuefn.rl.checks import check_tokens
from forethought.valuefn.rl.recipe import Sampling
from forethought.valuefn.rl.rollouts import Start, generate
from forethought.valuefn.rl.tokens import Kind, Span
from forethought.valuefn.rl.toys.digits import RETRY, Digits
from forethought.valuefn.rl.toys.documents import Document, Piece
from forethought.valuefn.rl.toys.episodes import (
    ToyEpisode,
    demonstrations_of,
    player,
    tasks_of,
)
from forethought.valuefn.rl.toys.lookup import ANSWER, RESULT, Lookup
from forethought.valuefn.rl.toys.models import tiny_llama
from forethought.valuefn.rl.toys.modes import DIRECT, Modes
from forethought.valuefn.rl.toys.pretraining import batch_of, weighted_loss
from forethought.valuefn.rl.toys.vocabulary import symbol_tokenizer


def test_a_reply_by_heart_is_rolled_out_with_its_spans() -> None:
    toy = Lookup("names", tool="ab")
    problem = toy.problems("train", 1, 0)[0]
    tokenizer = symbol_tokenizer(toy.symbols, context=64)
    model = tiny_llama(tokenizer, "0.02M", context=64, seed=0)
    batch = batch_of([Document(problem.prompt, (Piece(toy.solved(problem)),))], tokenizer)
    optimiser = torch.optim.AdamW(model.parameters(), 1e-2)
    for _ in range(80):
        optimiser.zero_grad()
        weighted_loss(model, batch).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    model.train(mode=False)
    task = tasks_of([problem])[problem.id]
    episode = player(toy)(task, ())
    (rollout,) = generate(
        model,
        tokenizer,
        [Start(task.id, episode, seed="0")],
        Sampling(turns=3, turn_tokens=16, completion_tokens=40),
    )
    call = toy.call(problem)
    assert rollout.turns == (call, f"{ANSWER}{problem.answer}")
    assert rollout.given == (f"{RESULT}{problem.answer}",)
    assert rollout.outcome == 1.0
    assert [each.kind for each in rollout.segments] == [Kind.SAMPLED, Kind.GIVEN, Kind.SAMPLED]
    assert [each.span for each in rollout.segments] == [Span.TOOL, Span.TOOL, Span.SAMPLE]
    trains = [int(kind == Kind.SAMPLED) for kind in rollout.kinds]
    assert check_tokens([rollout], [trains]).rollouts == 1


def test_decisions_are_a_span_of_their_own_and_the_outcome_is_the_grade() -> None:
    toy = Digits("+")
    problem = toy.sized((2, 2), "train", 1, 0)[0]
    episode = ToyEpisode(toy, problem)
    assert episode.begin()[0].content == problem.prompt
    assert episode.outcome == 0.0
    heard = episode.hear(f"{problem.answer}{RETRY}")
    assert heard.given == ""
    (mark,) = heard.marks
    assert (mark.start, mark.span) == (len(problem.answer), Span.DECISION)
    assert episode.hear("0<stop>").given is None
    assert episode.outcome == 0.0
    again = ToyEpisode(toy, problem)
    again.hear(toy.solution(problem).text)
    assert again.outcome == 1.0


def test_demonstrations_stand_before_the_question() -> None:
    toy = Lookup("names", tool="ab")
    task = next(iter(tasks_of(toy.problems("test", 1, 0)).values()))
    shown = demonstrations_of(toy, 2, 0)
    prompt = player(toy)(task, shown).begin()[0].content
    assert prompt.endswith(f";{task.question}")
    assert prompt.startswith(shown[0].question + shown[0].solution)
    assert prompt.count(";") == 2


def test_tasks_without_demonstrations_say_so() -> None:
    toy = Modes()
    task = next(iter(tasks_of(toy.problems("test", 1, 0)).values()))
    shown = demonstrations_of(Lookup(), 1, 0)
    with pytest.raises(ConfigError, match="modes shows no demonstrations"):
        player(toy)(task, shown)
    episode = player(toy)(task, ())
    episode.hear(f"{DIRECT}{task.answers[0]}")
    assert episode.outcome == 1.0


def test_a_forced_mode_is_kept_token_for_token() -> None:
    toy = Modes()
    tokenizer = symbol_tokenizer(toy.symbols, context=64)
    model = tiny_llama(tokenizer, "0.02M", context=64, seed=0).train(mode=False)
    tasks = tasks_of(toy.facts_of("train", 2, 0))
    starts = [
        Start(task.id, player(toy)(task, ()), seed="0", prefix=prefix)
        for task in tasks.values()
        for prefix in (DIRECT, "")
    ]
    rolled = generate(model, tokenizer, starts, Sampling(turn_tokens=6, completion_tokens=8))
    forced = tokenizer.encode(DIRECT)
    for rollout in rolled[::2]:
        assert list(rollout.completion_ids[:1]) == forced
        assert rollout.kinds[:2] == (Kind.FORCED, Kind.SAMPLED)
        assert rollout.text.startswith(DIRECT)
    assert not rolled[1].prefixed
