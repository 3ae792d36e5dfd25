import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forethought.agent.critics import ScriptedCritic
from forethought.agent.errors import ConfigError, DataError, UnknownName
from forethought.agent.models.scripted import ScriptedModel
from forethought.agent.openings import Prefix, Told, told
from forethought.agent.planners.rank import Rank
from forethought.agent.prefixes import PrefixBank
from forethought.agent.protocols import Turn
from forethought.agent.types import (
    Candidate,
    Decision,
    Episode,
    Goal,
    Observation,
    Outcome,
    Step,
    Trace,
)

THINGS = ("apples", "bricks", "coins", "drums", "eggs", "forks", "gloves", "hats", "ink", "jars")


def question(number: int) -> str:
    return (
        f"How many {THINGS[number % len(THINGS)]} does Person{number} have in box {100 + number}?"
    )


def good(each: Told) -> bool:
    return bool(each.success)


def planted(count: int = 40) -> list[Told]:
    """Half of the replies begin with `In short,` and do well four times in five, others once."""
    found = []
    for number in range(count):
        short = number % 2 == 0
        lucky = number // 2 % 5 != 0
        opening = "In short," if short else ("Well, perhaps", "Hm, maybe")[number // 2 % 2]
        reply = f"{opening} Person{number} has {number} of them."
        found.append(Told(question(number), reply, lucky if short else not lucky))
    return found


def test_the_planted_opening_is_found() -> None:
    bank = PrefixBank.mine(planted(), {"good": good})
    best = bank["good"][0]
    assert best.text == "In"  # the shortest of those that say the same
    assert best.score > 1
    assert best.count == 20


def test_words_bound_an_opening() -> None:
    bank = PrefixBank.mine(planted(), {"good": good}, words=(2, 4))
    assert bank["good"] == (Prefix("In short,", bank["good"][0].score, 20),)


def test_the_other_behaviour_has_the_other_openings() -> None:
    bank = PrefixBank.mine(planted(), {"bad": lambda each: not each.success}, words=(2, 2))
    assert {prefix.text for prefix in bank["bad"]} == {"Well, perhaps", "Hm, maybe"}


def test_the_alphabet_settles_ties() -> None:
    replies = [
        Told(question(n), f"{('Beta', 'Alpha', 'Other')[n % 3]} it is, and that is all.", n % 3 < 2)
        for n in range(30)
    ]
    bank = PrefixBank.mine(replies, {"good": good})
    assert [prefix.text for prefix in bank["good"]] == ["Alpha", "Beta"]
    again = PrefixBank.mine(reversed(replies), {"good": good})
    assert again["good"] == bank["good"]


def test_what_the_question_says_is_content() -> None:
    replies = [Told(question(n), f"Person{n} has a good many, I say.", n < 10) for n in range(20)]
    replies += [Told(question(n), f"Truly, Person{n} has many, I say.", n < 10) for n in range(20)]
    bank = PrefixBank.mine(replies, {"good": lambda each: "Truly" in each.reply})
    assert [prefix.text for prefix in bank["good"]] == ["Truly,"]


def test_what_every_question_says_is_nobodys_own() -> None:
    replies = [
        Told(question(n), "Many does it take." if n % 2 else "Some does it take.", n % 2 == 1)
        for n in range(20)
    ]
    assert PrefixBank.mine(replies, {"good": good})["good"][0].text == "Many"


def test_many_replies_to_one_question_are_one_case() -> None:
    replies = [Told("Who is it?", "Surely it is she, I say.", True) for _ in range(50)]
    replies += [Told(question(n), "Perhaps it is not, I say.", n % 2 == 0) for n in range(12)]
    with pytest.raises(DataError, match="no opening makes 'good' likelier"):
        PrefixBank.mine(replies, {"good": good}, support=2)


def test_what_is_usual_in_a_group_earns_nothing() -> None:
    # `The` opens every reply in a group in which all is well, `So` lifts where it seldom is
    easy = [Told(f"easy {n}", f"The thing is a {n}.", True, "easy") for n in range(30)]
    hard = [Told(f"hard {n}", f"Oh dear, is it {n}?", n % 10 == 0, "hard") for n in range(30)]
    lifted = [Told(f"hard {n}", f"So the thing is {n}.", True, "hard") for n in range(30, 36)]
    grouped = PrefixBank.mine([*easy, *hard, *lifted], {"good": good})
    assert grouped["good"][0].text == "So"
    loose = [Told(each.question, each.reply, each.success) for each in [*easy, *hard, *lifted]]
    assert PrefixBank.mine(loose, {"good": good})["good"][0].text == "The"


def test_openings_keep_the_spelling_seen_most() -> None:
    replies = [Told(question(n), "**Fine:** that is it.", True) for n in range(6)]
    replies += [Told(question(n), "fine, that is it.", True) for n in range(6, 9)]
    replies += [Told(question(n), "No, that is not it.", False) for n in range(10)]
    assert PrefixBank.mine(replies, {"good": good})["good"][0].text == "**Fine:**"


def test_markup_before_the_first_word_is_part_of_an_opening() -> None:
    replies = [
        Told(question(n), "> Sure thing, that is it." if n % 2 else "- Not so, I say.", n % 2 == 1)
        for n in range(20)
    ]
    assert PrefixBank.mine(replies, {"good": good})["good"][0].text == "> Sure"


def test_an_opening_within_another_stays_where_it_begins_few_of_its_replies() -> None:
    def reply(n: int) -> str:
        if n % 2:
            return "Hm, hard to say, is it?"
        return "The answer would be six." if n % 8 == 0 else f"The {n} and the rest of it."

    replies = [Told(f"What of it, {n}?", reply(n), n % 2 == 0) for n in range(40)]
    bank = PrefixBank.mine(replies, {"good": good})
    assert [(prefix.text, prefix.count) for prefix in bank["good"]] == [
        ("The", 20),
        ("The answer", 5),
    ]


def test_a_whole_reply_is_no_opening() -> None:
    replies = [
        Told(question(n), "Yes" if n % 2 else "No way at all", n % 2 == 1) for n in range(20)
    ]
    with pytest.raises(DataError, match="no opening"):
        PrefixBank.mine(replies, {"good": good})


@pytest.mark.parametrize("success", [True, False])
def test_one_outcome_teaches_nothing(success: bool) -> None:
    replies = [Told(question(n), "It is so, I say.", success) for n in range(20)]
    with pytest.raises(DataError, match=r"nothing to mine for 'good': (all|none) of the 20"):
        PrefixBank.mine(replies, {"good": good})


def test_too_few_questions() -> None:
    with pytest.raises(DataError, match="replies to 5 questions are too few"):
        PrefixBank.mine(planted(5), {"good": good})
    with pytest.raises(DataError, match="replies to 0 questions"):
        PrefixBank.mine([Told("Why?", " ")], {"good": good})


@pytest.mark.parametrize(
    "wrong", [{"keep": 0}, {"support": 1}, {"words": (0, 3)}, {"words": (4, 3)}]
)
def test_numbers_that_cannot_work(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="mining"):
        PrefixBank.mine(planted(), {"good": good}, **wrong)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="mining needs a behaviour"):
        PrefixBank.mine(planted(), {})


def episode(number: int, action: str, *, success: bool, candidate: Candidate) -> Trace:
    step = Step(0, question(number), "", Decision(candidate, action, "react"))
    return Trace(
        Episode(f"e{number}", "boxes-v0"), (step,), Outcome(float(success), success=success)
    )


def test_mining_from_traces_by_outcome() -> None:
    free = Candidate("I answer.")
    traces = [
        episode(number, each.reply, success=bool(each.success), candidate=free)
        for number, each in enumerate(planted())
    ]
    bound = Candidate("I answer.", action="In short, yes or no.")
    listed = [episode(n, "Never begin so.", success=True, candidate=bound) for n in range(40)]
    begun = Trace(Episode("open", "boxes-v0"), traces[0].steps, None)
    broken = Trace(Episode("b", "boxes-v0"), traces[0].steps, Outcome(0.0, False, "error: no"))
    found = told([*traces, *listed, begun, broken])
    assert len(found) == len(traces)
    assert found[0] == Told(question(0), planted()[0].reply, planted()[0].success, "boxes-v0")
    assert PrefixBank.mine(found, {"good": good})["good"][0].text == "In"


def test_a_bank_is_a_mapping() -> None:
    bank = PrefixBank(
        {"direct": ["The answer is", Prefix("In short,", 1.5, 8)], "steps": ["First,"]}
    )
    assert bank["direct"] == (Prefix("The answer is"), Prefix("In short,", 1.5, 8))
    assert list(bank) == ["direct", "steps"]
    assert "steps" in bank
    assert "absent" not in bank
    assert repr(bank) == "PrefixBank(direct: 2, steps: 1)"
    assert bank.prefixes() == ("The answer is", "First,")
    assert bank.prefixes("steps", "direct", each=2) == ("First,", "The answer is", "In short,")
    assert bank.behaviour_of("In short,") == "direct"
    assert bank.behaviour_of("Then") is None
    with pytest.raises(UnknownName, match="did you mean 'direct'"):
        bank["driect"]
    with pytest.raises(ConfigError, match="each must be 1 or more"):
        bank.prefixes(each=0)


async def test_rank_crosses_thoughts_with_its_prefixes() -> None:
    bank = PrefixBank({"direct": ["The answer is"], "steps": ["First,"]})
    critic = ScriptedCritic(lambda state, candidate, goal: float(candidate.prefix == "First,"))
    thoughts = '{"thoughts": ["I answer.", "I ask back."]}'
    model = ScriptedModel(["First, we see."], by_stage={"propose": [thoughts]})
    seen = Observation("Why?", goals=(Goal("They see."),))
    turn = Turn(seen, "", model, random.Random(1))
    decision = await Rank(critic, prefixes=bank.prefixes()).decide(turn)
    assert decision.weighed == 4
    assert decision.candidate == Candidate("I answer.", "First,")
    assert model.requests[-1].prefix == "First,"
    assert decision.action == "First, we see."


@pytest.mark.parametrize(
    "wrong", [{"": ["a"]}, {"a": []}, {"a": [" "]}, {"a": ["b", "b"]}, {"a": "The answer is"}]
)
def test_banks_that_cannot_be(wrong: dict[str, list[Prefix | str]]) -> None:
    with pytest.raises(ConfigError, match="behaviour"):
        PrefixBank(wrong)


def test_there_and_back(tmp_path: Path) -> None:
    bank = PrefixBank.mine(planted(), {"good": good, "bad": lambda each: not each.success})
    file = tmp_path / "banks" / "mine.json"
    bank.save(file)
    assert dict(PrefixBank.load(file)) == dict(bank)
    first = file.read_bytes()
    PrefixBank.load(file).save(file)
    assert file.read_bytes() == first


texts = st.text(min_size=1, max_size=20).filter(str.strip)


@settings(deadline=None, max_examples=50)
@given(
    st.dictionaries(
        texts,
        st.lists(
            st.builds(Prefix, texts, st.floats(0, 1e6), st.integers(0, 10**6)),
            min_size=1,
            max_size=4,
            unique_by=lambda prefix: prefix.text,
        ),
        max_size=4,
    )
)
def test_any_bank_survives_a_file(
    tmp_path_factory: pytest.TempPathFactory, behaviours: dict[str, list[Prefix]]
) -> None:
    file = tmp_path_factory.mktemp("bank") / "bank.json"
    PrefixBank(behaviours).save(file)
    assert dict(PrefixBank.load(file)) == {name: tuple(p) for name, p in behaviours.items()}


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.builds(Told, st.text(max_size=12), st.text(max_size=40), st.booleans(), st.just("")),
        max_size=40,
    )
)
def test_any_replies_give_a_bank_or_a_reason(replies: list[Told]) -> None:
    try:
        bank = PrefixBank.mine(replies, {"good": good}, support=2)
    except DataError:
        return
    for prefix in bank["good"]:
        begun = {r.question for r in replies if r.reply.strip().startswith(prefix.text)}
        assert begun
        assert prefix.count >= 2
        assert prefix.score >= 0


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"version": 1, "behaviours": []}',
        '{"version": 1, "behaviours": {"a": [{"text": 3, "score": 1, "count": 0}]}}',
        '{"version": 1, "behaviours": {"a": [{"text": "x"}]}}',
        '{"version": 1, "behaviours": {"a": []}}',
    ],
)
def test_files_that_are_no_bank(tmp_path: Path, content: str) -> None:
    file = tmp_path / "bank.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=r"bank\.json is not a prefix bank"):
        PrefixBank.load(file)


def test_another_format_and_no_file(tmp_path: Path) -> None:
    file = tmp_path / "bank.json"
    file.write_text(json.dumps({"version": 9, "behaviours": {}}), encoding="utf-8")
    with pytest.raises(DataError, match="has prefix bank format 9"):
        PrefixBank.load(file)
    with pytest.raises(DataError, match="cannot read"):
        PrefixBank.load(tmp_path / "absent.json")
    with pytest.raises(ConfigError, match="cannot write"):
        PrefixBank({"a": ["b"]}).save(file / "below" / "bank.json")
