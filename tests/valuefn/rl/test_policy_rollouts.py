from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("trl", reason="trl is not installed: extra rl")

import torch
from tuning import char_tokenizer, small_llama

from forethought.agent.errors import ConfigError, ModelRefused, ToolError
from forethought.agent.types import Message
from forethought.valuefn.rl.checks import check_tokens
from forethought.valuefn.rl.episodes import (
    Demonstration,
    Episode,
    Heard,
    Mark,
    Question,
    ToolQuestion,
)
from forethought.valuefn.rl.recipe import Sampling
from forethought.valuefn.rl.rewards import Task
from forethought.valuefn.rl.rollouts import Start, generate, prompt_and_prefix
from forethought.valuefn.rl.tokens import Kind, Rollout, Span

TOKENIZER = char_tokenizer()
MODEL = small_llama(len(TOKENIZER))
TASK = Task("t", "What now?")
ASKED = (Message("user", "What now?"),)
SHORT = Sampling(turn_tokens=5, completion_tokens=40, turns=3)


class Chat:
    """Ends a turn at a letter, answers each, and names the letters after a colon a decision."""

    def __init__(self, stop: str = "", given: str | None = "[<eos>]", turns: int = 9) -> None:
        self.stop = (stop,) if stop else ()
        self.heard: list[str] = []
        self._given = given
        self._turns = turns

    def begin(self) -> Sequence[Message]:
        return (Message("user", "hi"),)

    def hear(self, text: str) -> Heard:
        self.heard.append(text)
        marks = (Mark(2, 4, Span.DECISION),)
        return Heard(self._given if len(self.heard) < self._turns else None, marks)

    @property
    def outcome(self) -> float | None:
        return float(len(self.heard))


def _start(episode: Episode, seed: str = "0", prefix: str = "") -> Start:
    return Start("t", episode, seed, prefix)


def _whole_logprobs(rollout: Rollout, temperature: float = 1.0) -> list[float]:
    """What one pass over the whole sequence says of the completion."""
    ids = torch.tensor([[*rollout.prompt_ids, *rollout.completion_ids]])
    with torch.no_grad():
        logs = (MODEL(input_ids=ids).logits[0] / temperature).log_softmax(-1)
    first = len(rollout.prompt_ids)
    return [float(logs[first + at - 1, token]) for at, token in enumerate(rollout.completion_ids)]


def _matches(rollout: Rollout, temperature: float = 1.0) -> bool:
    pairs = zip(rollout.logprobs, _whole_logprobs(rollout, temperature), rollout.kinds, strict=True)
    return all(kind == Kind.GIVEN or abs(a - b) < 1e-4 for a, b, kind in pairs)


def test_turns_keep_what_was_drawn_and_put_what_was_given_between() -> None:
    chat = Chat()
    (rollout,) = generate(MODEL, TOKENIZER, [_start(chat)], SHORT)
    given = TOKENIZER.encode("[<eos>]", add_special_tokens=False, split_special_tokens=True)
    assert 1 not in given  # a control token in a tool's output is plain text
    assert [kind.name for kind in rollout.kinds[5:12]] == ["GIVEN"] * 7
    assert list(rollout.completion_ids[5:12]) == given
    assert rollout.finish == "turns"
    assert rollout.ends == (5, 17, 29)
    assert rollout.turns == tuple(chat.heard)
    assert rollout.given == ("[<eos>]", "[<eos>]")
    assert rollout.outcome == 3.0
    assert TOKENIZER.decode(list(rollout.completion_ids[:5])) == rollout.turns[0]
    assert _matches(rollout)
    check_tokens([rollout], [[int(kind == Kind.SAMPLED) for kind in rollout.kinds]])
    assert rollout.seen == (*rollout.prompt_ids, *rollout.completion_ids)[:-1]


def test_spans_are_those_of_the_letters() -> None:
    (rollout,) = generate(MODEL, TOKENIZER, [_start(Chat(turns=1))], SHORT)
    wanted = [Span.SAMPLE, Span.SAMPLE, Span.DECISION, Span.DECISION, Span.SAMPLE]
    assert list(rollout.spans) == wanted
    assert rollout.finish == "stop"


def test_a_batch_changes_nothing_and_equal_seeds_repeat() -> None:
    seeds = [str(seed) for seed in range(6)]
    prompts = ["a", "a longer question", "b", "the longest question of them all", "c", "d"]
    pairs = list(zip(prompts, seeds, strict=True))

    def start(text: str, seed: str) -> Start:
        return _start(Question(Task(text, text)), seed)

    together = generate(MODEL, TOKENIZER, [start(*pair) for pair in pairs], SHORT)
    alone = [generate(MODEL, TOKENIZER, [start(*pair)], SHORT)[0] for pair in pairs]
    two = replace(SHORT, rows=2)
    by_two = generate(MODEL, TOKENIZER, [start(*pair) for pair in pairs], two)
    for one, other, third in zip(together, alone, by_two, strict=True):
        assert one.completion_ids == other.completion_ids == third.completion_ids
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-5)
        assert _matches(one)
    assert len({one.completion_ids for one in together}) == 6


def test_tokens_are_drawn_as_often_as_they_are_likely() -> None:
    starts = [_start(Question(TASK), str(seed)) for seed in range(2000)]
    rows = Sampling(turn_tokens=1, completion_tokens=1, rows=2000, temperature=0.25)
    rollouts = generate(MODEL, TOKENIZER, starts, rows)
    ids = torch.tensor([rollouts[0].prompt_ids])
    with torch.no_grad():
        chances = (MODEL(input_ids=ids).logits[0, -1] / 0.25).softmax(-1)
    drawn = torch.bincount(
        torch.tensor([one.completion_ids[0] for one in rollouts]), minlength=len(chances)
    )
    expected = chances * 2000
    often = expected > 10
    chi2 = float((((drawn - expected) ** 2) / expected)[often].sum())
    count = int(often.sum())
    assert count > 20
    assert chi2 < count + 4 * (2 * count) ** 0.5
    assert _matches(rollouts[0], 0.25)


def test_a_prefix_is_forced_with_the_policys_own_probability() -> None:
    starts = [
        _start(Question(TASK), "0", "Direct:"),
        _start(Question(TASK), "0"),
        _start(Question(TASK), "1", "Go"),
    ]
    first, free, third = generate(MODEL, TOKENIZER, starts, SHORT)
    assert first.turns[0].startswith("Direct:")
    assert [kind.name for kind in first.kinds] == ["FORCED"] * 7 + ["SAMPLED"] * 5
    assert [kind.name for kind in third.kinds[:3]] == ["FORCED", "FORCED", "SAMPLED"]
    assert first.prefix == "Direct:"
    assert not free.prefixed
    assert all(_matches(one) for one in (first, free, third))
    assert first.prompt_ids == free.prompt_ids


def test_stop_strings_end_a_turn_and_stay_in_it() -> None:
    letters = Sampling(turn_tokens=60, completion_tokens=150, turns=2)
    rollouts = generate(
        MODEL, TOKENIZER, [_start(Chat("e"), str(seed)) for seed in range(8)], letters
    )
    turns = [turn for one in rollouts for turn in one.turns]
    assert sum(turn.endswith("e") for turn in turns) > 3
    assert all("e" not in turn[:-1] for turn in turns)
    assert all(_matches(one) for one in rollouts)


def test_the_end_token_ends_the_rollout_and_is_kept() -> None:
    model = small_llama(len(TOKENIZER))
    with torch.no_grad():
        model.lm_head.weight[1] = model.lm_head.weight.mean(0) + 0.5 * torch.randn(
            48, generator=torch.Generator().manual_seed(1)
        )
    starts = [_start(Chat(), str(seed)) for seed in range(40)]
    rollouts = generate(model, TOKENIZER, starts, replace(SHORT, turn_tokens=30))
    ended = [one for one in rollouts if one.finish == "eos"]
    assert ended
    for one in ended:
        assert one.completion_ids[-1] == 1
        assert "<eos>" not in one.turns[-1]
        assert one.kinds[-1] == Kind.SAMPLED


def test_length_ends_a_rollout_whose_tool_output_does_not_fit() -> None:
    (rollout,) = generate(
        MODEL, TOKENIZER, [_start(Chat(given="x" * 100))], replace(SHORT, completion_tokens=30)
    )
    assert rollout.finish == "length"
    assert len(rollout.completion_ids) == 5
    cut = replace(SHORT, completion_tokens=35, given_tokens=10)
    (rollout,) = generate(MODEL, TOKENIZER, [_start(Chat(given="x" * 100), "1")], cut)
    assert rollout.kinds.count(Kind.GIVEN) == 20
    assert len(rollout.completion_ids) == 35
    assert rollout.finish == "turns"


def test_a_reply_that_was_cut_off_is_not_called_whole() -> None:
    starts = [_start(Question(Task("t", "abc")), str(seed)) for seed in range(12)]
    for one in generate(MODEL, TOKENIZER, starts, SHORT):
        whole = one.completion_ids[-1] == TOKENIZER.eos_token_id
        assert one.finish == ("eos" if whole else "length")
        assert whole or len(one.completion_ids) == SHORT.turn_tokens


class Refusing:
    """A tool that knows one word."""

    def __call__(self, request: str) -> str:
        if request != "sky":
            raise ToolError(f"no page for {request!r}")
        return "blue " * 10


def test_a_question_with_tools() -> None:
    shown = (Demonstration("What is grass?", "<search>grass</search>"),)
    episode = ToolQuestion(TASK, {"search": Refusing()}, shown, calls=2, longest=12)
    (message,) = episode.begin()
    assert "Example Problem: What is grass?" in message.content
    assert message.content.endswith("Actual Problem: What now?")
    assert "<search> your request </search>" in message.content
    assert episode.stop == ("</search>", "</answer>")
    heard = episode.hear("I look: <search> sky </search>")
    assert heard.given == "\n\n<information>blue blue bl</information>\n\n"
    assert heard.marks == (Mark(8, 30, Span.TOOL),)
    assert episode.hear("<answer>x").given is not None
    assert episode.hear("<search>sky</search>").given is None  # both calls were used
    fresh = ToolQuestion(TASK, {"search": Refusing()})
    assert "no page for 'sea'" in (fresh.hear("<search>sea</search>").given or "")
    assert "without <search>" in (fresh.hear("sea</search>").given or "")
    assert fresh.hear("<answer>blue</answer>") == Heard()


def test_a_template_that_drops_the_prefix_is_an_error() -> None:
    dropping = char_tokenizer(
        "{% for m in messages %}{% if m['role'] == 'user' %}u:{{ m['content'] }}\n{% endif %}"
        "{% endfor %}a:"
    )
    with pytest.raises(ConfigError, match="drops the prefix 'Direct:'"):
        prompt_and_prefix(dropping, ASKED, "Direct:")
    changing = char_tokenizer(
        "{{ messages | length }}{% for m in messages %}{{ m['content'] }}{% endfor %}"
    )
    with pytest.raises(ConfigError, match="drops the prefix"):
        prompt_and_prefix(changing, ASKED, "Direct:")
    with pytest.raises(ConfigError, match="ends with a space"):
        prompt_and_prefix(TOKENIZER, ASKED, "Direct: ")


def test_a_prompt_that_fills_the_context_is_an_error() -> None:
    long = Question(Task("long", "x" * 300))
    with pytest.raises(ConfigError, match="task 't': a prompt of 314 tokens"):
        generate(MODEL, TOKENIZER, [_start(long)], SHORT)


def test_a_template_that_refuses_is_told() -> None:
    refusing: Any = char_tokenizer("{{ raise_exception('never') }}")
    with pytest.raises(ModelRefused, match="never"):
        prompt_and_prefix(refusing, ASKED)
