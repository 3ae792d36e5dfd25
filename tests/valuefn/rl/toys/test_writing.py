import pytest
import torch

from forethought.valuefn.rl.toys.digits import RETRY, STOP, Digits
from forethought.valuefn.rl.toys.documents import Document, Piece
from forethought.valuefn.rl.toys.lookup import ANSWER, CALLED, RESULT, Lookup
from forethought.valuefn.rl.toys.measures import demonstrated, measure
from forethought.valuefn.rl.toys.models import tiny_llama
from forethought.valuefn.rl.toys.modes import DIRECT, STEPS, Modes
from forethought.valuefn.rl.toys.pretraining import BaseRecipe, batch_of, pretrain, weighted_loss
from forethought.valuefn.rl.toys.vocabulary import encode_known, prompt_text, symbol_tokenizer
from forethought.valuefn.rl.toys.writing import Writer

TINY = BaseRecipe(size="0.02M", steps=2, batch=2, warmup=1, context=256)


def fresh(toy: Digits | Lookup | Modes) -> Writer:
    return Writer(*pretrain(toy, TINY))


def learned(symbols: tuple[str, ...], documents: list[Document], steps: int = 80) -> Writer:
    tokenizer = symbol_tokenizer(symbols, context=64)
    model = tiny_llama(tokenizer, "0.02M", context=64, seed=0)
    optimiser = torch.optim.AdamW(model.parameters(), 1e-2)
    batch = batch_of(documents, tokenizer)
    for _ in range(steps):
        optimiser.zero_grad()
        weighted_loss(model, batch).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return Writer(model, tokenizer)


def test_chances_are_those_of_single_tokens_one_after_the_other() -> None:
    toy = Modes()
    tokenizer = symbol_tokenizer(toy.symbols, context=64)
    model = tiny_llama(tokenizer, "0.02M", context=64, seed=3)
    writer = Writer(model, tokenizer, rows=2)
    prompts, replies = ["#07", "12+34", "#1"], [DIRECT, f"{STEPS}2+4", "5"]
    told = writer.chances(prompts, replies)
    for prompt, reply, chance in zip(prompts, replies, told, strict=True):
        ids = encode_known(tokenizer, prompt_text(prompt))
        product = 1.0
        for token in encode_known(tokenizer, reply):
            with torch.no_grad():
                logits = model(input_ids=torch.tensor([ids])).logits[0, -1]
            product *= float(logits.softmax(-1)[token])
            ids.append(token)
        assert chance == pytest.approx(product, rel=1e-4)


def test_what_is_written_stops_at_its_stops_and_does_not_depend_on_the_batch() -> None:
    toy = Digits()
    documents = [
        Document("1+1", (Piece(f"2{STOP}"),), ends=False),
        Document("12+3", (Piece("51"),)),
    ]
    writer = learned(toy.symbols, documents)
    texts = [prompt_text("1+1"), prompt_text("12+3")]
    together = writer.write(texts, stop=toy.stop)
    assert together == [f"2{STOP}", "51"]
    assert [writer.write([text], stop=toy.stop)[0] for text in texts] == together
    assert writer.write(texts, stop=toy.stop, most=1) == ["2", "5"]


def test_draws_repeat_themselves() -> None:
    writer = fresh(Modes())
    texts = [prompt_text("#07")] * 8
    drawn = [
        writer.write(texts, most=6, generator=torch.Generator().manual_seed(s)) for s in (0, 0, 1)
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(set(drawn[0])) > 1


def test_turns_are_played_with_what_is_given_between_them() -> None:
    toy = Lookup("names", tool="ab")
    problem = toy.problems("train", 1, 0)[0]
    call = toy.call(problem)
    whole = f"{call}{RESULT}{problem.answer}{ANSWER}{problem.answer}"
    writer = learned(toy.symbols, [Document(problem.prompt, (Piece(whole),))])
    (played,) = writer.play(toy, [problem])
    assert played.turns == (call, f"{ANSWER}{problem.answer}")
    assert not played.cut
    assert toy.grade(problem, played.turns)
    (forced,) = writer.play(toy, [problem], begins=[call])
    assert forced.turns == played.turns


def test_a_forced_beginning_is_part_of_the_turn() -> None:
    toy = Modes()
    writer = learned(toy.symbols, [Document("#07", (Piece(f"{DIRECT}23"),))])
    problem = toy.facts_of("train", 1, 0)[0]
    (played,) = writer.play(toy, [problem], prompts=["#07"], begins=[DIRECT])
    assert played.turns == (f"{DIRECT}23",)


def test_a_reply_that_never_stops_is_cut_at_the_limit_of_turns() -> None:
    toy = Digits(turns=3)
    writer = learned(toy.symbols, [Document("1+1", (Piece(f"3{RETRY}" * 5),), ends=False)])
    problem = toy.sized((1, 1), "train", 1, 0)[0]
    (played,) = writer.play(toy, [problem], prompts=["1+1"])
    assert played.turns == (f"3{RETRY}",) * 3
    assert played.cut


@pytest.mark.parametrize(
    ("toy", "names"),
    [
        (Digits("+", ((1, 1),), ((2, 2),)), {"1+1 sampling_first", "2+2 retry_wrong"}),
        (Modes(), {f"facts p({DIRECT})", f"sums right, {STEPS}", "facts right, free"}),
        (
            Lookup(),
            {
                "shown 0: p(the right call)",
                "shown 3: copied when the call is forced",
            },
        ),
    ],
)
def test_every_task_is_measured(toy: Digits | Modes | Lookup, names: set[str]) -> None:
    found = {each.name: each for each in measure(toy, fresh(toy), count=6)}
    assert names <= set(found)
    for each in found.values():
        assert each.value is None or 0 <= each.value <= 1
        if each.ci95 and each.value is not None:
            assert each.ci95[0] <= each.value <= each.ci95[1]


def test_demonstrations_are_of_the_tool_that_works_and_of_training_problems() -> None:
    toy = Lookup("names", tool="ab")
    problems = toy.problems("test", 5, 0)
    for problem, prompt in zip(problems, demonstrated(toy, problems, 2, seed=0), strict=True):
        *shown, asked = prompt.split(";")
        assert asked == problem.prompt
        assert len(shown) == 2
        assert all(f"ab{one[1:3]}{CALLED}" in one for one in shown)
        assert all(one[:3] != problem.prompt for one in shown)
