import pytest
from hypothesis import given
from hypothesis import strategies as st

from forethought.envs.casino_data import ITEMS, load
from forethought.envs.casino_moods import stance, wishes
from forethought.envs.casino_offers import amounts, tokens
from forethought.envs.casino_text import Talk, follow, hear, worth

PIECES = sorted(
    tokens(
        "i you me give take 0 1 2 3 4 17 all food water wood the rest each of for in exchange for "
        "can't more , . ? and no another"
    )
)


def read(text: str, topic: str = "") -> dict[str, int]:
    """What the speaker gets, by item; the last amount named counts."""
    return {
        a.item: a.quantity if a.receiver == "speaker" else 3 - a.quantity
        for a in amounts(text, topic)
    }


@pytest.mark.parametrize(
    ("text", "speaker_gets"),
    [
        ("I'd love it if I could take all 3 waters and 1 firewood.", {"water": 3, "firewood": 1}),
        ("you can have 2 water and I take all the food", {"water": 1, "food": 3}),
        ("3 firewood, 1 food", {"firewood": 3, "food": 1}),
        (
            "I get 2 water, 1 food and 1 firewood, you get 1 water, 2 food and 2 firewood.",
            {"water": 2, "food": 1, "firewood": 1},
        ),
        (
            "3 food 1 firewood for me. 3 water and 2 firewood for you",
            {"food": 3, "firewood": 1, "water": 0},
        ),
        ("So you need 3 water and 1 firewood?", {"water": 0, "firewood": 2}),
        ("I can give you 1 water", {"water": 2}),
        ("Would you give me 2 foods for 2 water?", {"food": 2, "water": 1}),
        ("i get 2 water and 1 food and you get the rest", {"water": 2, "food": 1, "firewood": 0}),
        ("How about you get 2 of the meat, and I get 3 of the water?", {"food": 1, "water": 3}),
        ("I need all the water and I'm offering you one each of firewood and food.", {"water": 3}),
        ("can i have all the firewood, food and water", {"firewood": 3, "food": 3, "water": 3}),
        ("I can spare one wood", {"firewood": 2}),
        ("are you okay with me taking three waters?", {"water": 3}),
        ("i will take 2 of each", {"food": 2, "water": 2, "firewood": 2}),
        ("I can't give you 2 water", {}),
        ("Hello, how are you?", {}),
        ("", {}),
    ],
)
def test_amounts_are_read_with_their_receivers(text: str, speaker_gets: dict[str, int]) -> None:
    assert speaker_gets.items() <= read(text).items()
    if not speaker_gets:
        assert read(text) == {}


def test_a_bare_number_means_the_item_spoken_of() -> None:
    assert read("I will take two.", topic="food") == {"food": 2}
    assert read("I will take two.") == {}


def test_one_more_moves_what_is_on_the_table() -> None:
    talk = hear(Talk(), 0, "I get 2 water and 1 food, you get 2 firewood")
    assert talk.table == (1, 2, 1)
    talk = hear(talk, 1, "I need one more water")
    assert talk.table == (1, 1, 1)
    assert talk.offered_by == 1
    assert worth(talk.table, 0, ("water", "food", "firewood")) == (12, 12, 12)
    assert worth(talk.table, 1, ("food", "water", "firewood")) == (24, 24, 24)


def test_what_is_open_counts_half_and_is_bounded() -> None:
    talk = hear(Talk(), 1, "I take all the food")
    assert talk.table == (0, None, None)
    assert worth(talk.table, 1, ("food", "water", "firewood")) == (15, 25.5, 36)
    assert worth(talk.table, 0, ("food", "water", "firewood")) == (0, 10.5, 21)


def test_agreeing_and_refusing_are_counted_since_the_last_amount() -> None:
    talk = hear(hear(Talk(), 0, "I take 2 food"), 1, "Sounds good, deal!")
    assert (talk.since, talk.yes, talk.no) == (1, (0, 1), (0, 0))
    talk = hear(talk, 0, "No, sorry")
    assert (talk.since, talk.yes, talk.no) == (2, (0, 1), (1, 0))
    assert hear(talk, 1, "then you give me 3 water").yes == (0, 0)


def test_moods_and_needs() -> None:
    assert stance("that works for me") == "agrees"
    assert stance("no, I can't do that") == "refuses"
    assert stance("where are you going?") == "neither"
    assert wishes("I need firewood the most. I don't need much food") == {"firewood": 2, "food": -1}
    assert wishes("Do you need water?") == {}


def test_the_names_of_items_are_made_uniform() -> None:
    assert tokens("Fire wood, waters & MEALS") == ("firewood", ",", "water", "&", "food")


@given(
    st.lists(
        st.sampled_from(PIECES),
        max_size=25,
    ).map(" ".join)
    | st.text(max_size=80)
)
def test_reading_never_fails_and_amounts_are_packages(text: str) -> None:
    for amount in amounts(text, topic="food"):
        assert amount.item in ITEMS
        assert 0 <= amount.quantity <= 3
    talk = hear(hear(Talk(), 0, text), 1, text)
    assert all(n is None or 0 <= n <= 3 for n in talk.table)


def test_the_table_after_the_last_utterance_is_mostly_the_deal_submitted() -> None:
    right = exact = total = 0
    for dialogue in load():
        if dialogue.split != "train" and dialogue.submitted is not None:
            table = follow(dialogue)[-1].table
            total += 1
            right += sum(a == b for a, b in zip(table, dialogue.submitted, strict=True))
            exact += table == dialogue.submitted
    assert total == 129
    assert right / (3 * total) > 0.78
    assert exact / total > 0.6
