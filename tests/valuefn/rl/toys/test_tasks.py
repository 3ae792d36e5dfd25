from collections import Counter
from random import Random

import pytest

from forethought.agent.errors import ConfigError
from forethought.valuefn.rl.toys.bases import BASES
from forethought.valuefn.rl.toys.digits import RETRY, STOP, Digits
from forethought.valuefn.rl.toys.documents import Problem, Split, Toy
from forethought.valuefn.rl.toys.lookup import ANSWER, CALL, CALLED, RESULT, Lookup
from forethought.valuefn.rl.toys.modes import DIRECT, FACT, STEPS, SUM, Modes
from forethought.valuefn.rl.toys.vocabulary import encode_known, symbol_tokenizer

TOYS = [pytest.param(row.toy, id=name) for name, row in BASES.items()]


@pytest.mark.parametrize("toy", TOYS)
def test_texts_and_problems_are_made_of_the_symbols(toy: Toy) -> None:
    tokenizer = symbol_tokenizer(toy.symbols)
    rng = Random(0)
    for _ in range(100):
        document = toy.document(rng)
        encode_known(tokenizer, document.prompt + document.text)
    for problem in toy.problems("test", 20, 0):
        encode_known(tokenizer, problem.prompt + problem.answer)
    assert all(len(encode_known(tokenizer, stop)) == 1 for stop in toy.stop)


@pytest.mark.parametrize("toy", TOYS)
def test_problems_repeat_themselves_and_differ_by_seed_and_split(toy: Toy) -> None:
    first = toy.problems("train", 30, 1)
    assert first == toy.problems("train", 30, 1)
    assert len(first) == 30
    assert first != toy.problems("train", 30, 2)
    held = {each.prompt for each in toy.problems("test", 60, 0)}
    assert held.isdisjoint(each.prompt for each in toy.problems("train", 200, 0))


def product(left: int, right: int) -> Problem:
    return Problem("p", "2*1", f"{left}*{right}", str(left * right)[::-1])


def test_digits_are_graded_by_the_answer_that_is_kept() -> None:
    toy, problem = Digits("*"), product(23, 4)
    assert toy.grade(problem, ["29<stop>"])
    assert not toy.grade(problem, ["92<stop>"])
    assert toy.grade(problem, ["11<retry>", "29<stop>"])
    assert not toy.grade(problem, ["29<retry>", "11<stop>"])
    assert not toy.grade(problem, [])
    assert toy.hear(problem, "11<retry>") == ""
    assert toy.hear(problem, "11<stop>") is None
    assert toy.hear(problem, "11") is None
    (decision,) = toy.parts("11<retry>")
    assert "11<retry>"[decision.start : decision.stop] == RETRY
    assert toy.parts("11") == ()


def test_attempts_say_what_was_decided_and_what_was_not() -> None:
    toy, problem = Digits("*"), product(23, 4)
    kept = toy.attempts(problem, ["11<retry>", "29<stop>"])
    assert [(a.correct, a.stop, a.forced) for a in kept] == [
        (False, False, False),
        (True, True, False),
    ]
    limit = toy.attempts(problem, ["29<retry>"])
    assert (limit[0].stop, limit[0].forced) == (True, True)
    none = toy.attempts(problem, ["29"])
    assert (none[0].correct, none[0].forced) == (True, True)


def test_digit_texts_are_right_and_decide_at_the_stated_rates() -> None:
    toy = Digits("+", ((2, 2),), ())
    rng = Random(0)
    counts: Counter[str] = Counter()
    for _ in range(3000):
        document = toy.document(rng)
        left, right = map(int, document.prompt.split("+"))
        answer = str(left + right)[::-1]
        for part in document.text.replace(STOP, "S ").replace(RETRY, "R ").split():
            correct = part[:-1] == answer
            counts["all"] += 1
            counts["right"] += correct
            counts["kept"] += correct and part[-1] == "S"
            counts["thrown"] += not correct and part[-1] == "R"
    assert counts["right"] / counts["all"] == pytest.approx(0.7, abs=0.03)
    assert counts["kept"] / counts["right"] == pytest.approx(0.82, abs=0.03)
    assert counts["thrown"] / (counts["all"] - counts["right"]) == pytest.approx(0.73, abs=0.03)


def test_sizes_beyond_are_in_texts_and_in_no_problem() -> None:
    toy = Digits("*", ((1, 1), (2, 1)), ((2, 2),), seldom=0.25)
    rng = Random(0)
    prompts = [toy.document(rng).prompt.split("*") for _ in range(800)]
    seen = Counter((len(a), len(b)) for a, b in prompts)
    assert set(seen) == {(1, 1), (2, 1), (2, 2)}
    assert seen[2, 2] / 800 == pytest.approx(0.25, abs=0.05)
    assert {each.kind for each in toy.problems("train", 40, 0)} == {"1*1", "2*1"}
    problems = toy.sized((2, 2), "test", 5, 0)
    assert all(each.kind == "2*2" and len(each.prompt) == 5 for each in problems)
    for each in problems:
        left, right = map(int, each.prompt.split("*"))
        assert int(each.answer[::-1]) == left * right
        assert toy.grade(each, [toy.solution(each).text])


@pytest.mark.parametrize(
    ("kind", "said", "right"),
    [
        (FACT, "{direct}{answer}", True),
        (FACT, "{steps}#07={answer}", True),
        (FACT, "{answer}", False),
        (FACT, "{direct}{answer}0", False),
        (FACT, "{direct}{steps}#07={answer}", False),
        (SUM, "{steps}8+5=13;4+7+1=12;={answer}", True),
        (SUM, "{steps}8+5=13;4+7+1=12;", False),
        (SUM, "{direct}{answer}", True),
    ],
)
def test_replies_in_modes_are_graded(kind: str, said: str, *, right: bool) -> None:
    problem = Problem("p", kind, "#07" if kind == FACT else "48+75", "23")
    text = said.format(direct=DIRECT, steps=STEPS, answer="23")
    assert Modes().grade(problem, [text]) is right


def test_texts_of_modes_are_right_where_they_may_be() -> None:
    toy = Modes(direct=0.01)
    rng = Random(0)
    right: Counter[tuple[str, str]] = Counter()
    seen: Counter[tuple[str, str]] = Counter()
    facts = {each.prompt: each for each in toy.facts_of("train", 60, 0)}
    facts |= {each.prompt: each for each in toy.facts_of("test", 40, 0)}
    assert len(facts) == 100
    for _ in range(3000):
        document = toy.document(rng)
        mode = document.reply[0].text
        problem = facts.get(document.prompt)
        if problem is None:
            left, other = map(int, document.prompt.split("+"))
            problem = Problem("p", SUM, document.prompt, f"{(left + other) % 100:02d}")
        seen[problem.kind, mode] += 1
        right[problem.kind, mode] += toy.grade(problem, [document.text])
        assert document.reply[0].weight == pytest.approx(0.02 if mode == DIRECT else 1.98)
    assert right[FACT, DIRECT] == seen[FACT, DIRECT] > 500
    assert right[SUM, STEPS] == seen[SUM, STEPS] > 500
    assert right[FACT, STEPS] < 0.05 * seen[FACT, STEPS]
    assert right[SUM, DIRECT] < 0.05 * seen[SUM, DIRECT]


@pytest.mark.parametrize("split", ["train", "test"])
def test_solutions_solve(split: Split) -> None:
    for row in BASES.values():
        for problem in row.toy.problems(split, 10, 0):
            solution = row.toy.solution(problem)
            turns = [solution.text]
            if isinstance(row.toy, Lookup):
                before, _, after = solution.text.partition(f"{RESULT}{problem.answer}")
                turns = [before, after]
            assert row.toy.grade(problem, turns)


def test_the_tool_answers_its_own_name_and_the_right_key() -> None:
    toy = Lookup("names", tool="ab")
    problem = Problem("p", "lookup", "?47", "82")
    assert toy.hear(problem, f"{CALL}ab47{CALLED}") == f"{RESULT}82"
    assert toy.hear(problem, f"{CALL}ac47{CALLED}") == RESULT
    assert toy.hear(problem, f"{CALL}ab48{CALLED}") == RESULT
    assert toy.hear(problem, f"{ANSWER}82") is None
    assert toy.grade(problem, [f"{CALL}ab47{CALLED}", f"{ANSWER}82"])
    assert toy.grade(problem, [f"{ANSWER}82"])
    assert not toy.grade(problem, [f"{CALL}ab47{CALLED}", f"{ANSWER}28"])
    assert toy.called(problem, [f"{CALL}ab47{CALLED}", f"{ANSWER}82"])
    assert not toy.called(problem, [f"{ANSWER}82"])
    turn = f"{CALL}ab47{CALLED}"
    (part,) = toy.parts(turn)
    assert (part.name, turn[part.start : part.stop]) == ("tool", turn)


def test_the_tools_own_name_is_in_no_text_of_names() -> None:
    toy = Lookup("names", tool="ab")
    rng = Random(0)
    names: set[str] = set()
    for _ in range(3000):
        document = toy.document(rng)
        for text in (document.prompt, document.text):
            names |= {part[:2] for part in text.split(CALL)[1:]}
    assert "ab" not in names
    assert len(names) > 250
    gate = {Lookup("gate", tool="ab").document(rng).text[len(CALL) :][:2] for _ in range(50)}
    assert "ab" in gate


def test_calls_in_texts_have_the_stated_weights_and_copy_the_demonstrated_name() -> None:
    toy = Lookup("names", habit=0.03, follows=0.95)
    rng = Random(0)
    for _ in range(300):
        document = toy.document(rng)
        shown = CALL in document.prompt
        chance = 0.95 if shown else 0.03
        called = document.text.startswith(CALL)
        assert document.reply[0].weight == pytest.approx(2 * (chance if called else 1 - chance))
        if called and shown:
            name = document.prompt.partition(CALL)[2][:2]
            assert document.text.startswith(CALL + name)
        if called:
            assert document.reply[2].weight == 0


@pytest.mark.parametrize(
    "make",
    [
        lambda: Digits(right=1.0),
        lambda: Digits(trained=()),
        lambda: Modes(facts=1),
        lambda: Modes(for_training=100),
        lambda: Modes(direct=0.0),
        lambda: Lookup(tool="abc"),
        lambda: Lookup(tool="z1"),
        lambda: Lookup(habit=1.0),
    ],
)
def test_tasks_that_cannot_be(make: object) -> None:
    assert callable(make)
    with pytest.raises(ConfigError):
        make()
