from types import MappingProxyType

import pytest

from forethought.envs.webshop.products import Product, price_of
from forethought.envs.webshop.reward import (
    has_attribute,
    judge,
    likeness,
    options_met,
    plain_colour,
    type_match,
)


def thing(
    title: str,
    *,
    query: str = "lamps",
    path: str = "Home",
    price: float = 20.0,
    attributes: tuple[str, ...] = (),
    wanted: tuple[str, ...] = (),
    more: str = "",
) -> Product:
    return Product(
        asin=title,
        title=title,
        description=more,
        features=(),
        price=price,
        rating=None,
        options=MappingProxyType({}),
        category="garden",
        query=query,
        path=frozenset(path.split("/")),
        attributes=attributes,
        request="",
        wanted=wanted,
        text=f"{title}\n\n{more}".lower(),
    )


@pytest.mark.parametrize(
    ("one", "other", "percent"),
    [  # what rapidfuzz 3.14 gives for `token_set_ratio`, rounded
        ("easy to carry", "easy carry", 100),
        ("long lasting", "Long-Lasting!", 100),
        ("non slip", "anti slip", 71),
        ("hand wash", "machine wash", 67),
        ("high qualities", "high quality", 85),
        ("", "red", 0),
        ("!!", "red", 0),
    ],
)
def test_likeness_is_fuzzywuzzys(one: str, other: str, percent: int) -> None:
    assert likeness(one, other) == percent
    assert likeness(other, one) == percent


@pytest.mark.parametrize(
    ("title", "query", "path", "match"),
    [
        ("brass floor lamp tall", "lamps", "Home", 1.0),
        ("steel lamp", "sofas", "Office", 1.0),  # 1 of 4 words is above 0.2
        ("steel chair", "lamps", "Home/Lamps/Floor", 0.0),  # no word at all, whatever the query
    ],
)
def test_a_type_goes_by_title_query_and_categories(
    title: str, query: str, path: str, match: float
) -> None:
    target = thing("Brass floor lamp, tall", path="Home/Lamps/Floor")
    assert type_match(thing(title, query=query, path=path), target) == match


def test_few_words_in_common_count_half_or_a_tenth() -> None:
    five = thing("Brass floor lamp tall slim", path="Home/Lamps")
    assert type_match(thing("lamp", query="x", path="Y"), five) == 0.5  # exactly 0.2
    assert type_match(thing("lamp", query="lamps", path="Y"), five) == 1.0
    assert type_match(thing("lamp", query="x", path="Lamps/Home"), five) == 1.0
    eleven = thing("one two three four five six seven eight nine ten lamp")
    assert type_match(thing("lamp"), eleven) == 0.1  # even found by the same search
    assert type_match(thing("lamp", query="x"), thing("42 00")) == 0.5  # no word to go by


def test_an_attribute_is_mined_or_stands_in_the_text() -> None:
    lamp = thing("Lamp", attributes=("energy saving lamps",), more="Made of Solid Wood.")
    assert has_attribute(lamp, "energy saving")
    assert has_attribute(lamp, "solid wood")
    assert not has_attribute(lamp, "easy carry")


def test_a_size_must_be_exact_and_a_colour_is_its_first_colour() -> None:
    shirt = thing("shirt")
    assert options_met(shirt, {"size": "large"}, ["large"]) == 1
    assert options_met(shirt, {"size": "x large"}, ["large"]) == 0
    assert options_met(shirt, {"style": "x large"}, ["large"]) == 1  # fuzzy elsewhere
    assert plain_colour("a-navy blue") == "blue"
    assert plain_colour("pattern 7") == "pattern 7"
    assert options_met(shirt, {"color": "sky blue"}, ["a-blue"]) == 1
    assert options_met(thing("blue shirt"), {"color": "sky blue"}, ["green"]) == 1  # in the text
    assert options_met(shirt, {"a": "red", "b": "red"}, ["red"]) == 1  # never beyond what is asked


def test_the_reward_is_the_share_met_times_the_type() -> None:
    target = thing("Brass lamp", wanted=("easy carry", "solid wood"), attributes=("easy carry",))
    wanted = {"color": "red", "size": "9"}
    score = judge(target, {"color": "dark red", "size": "9"}, target, wanted, 30.0)
    assert (score.attributes, score.options, score.price, score.asked) == (1, 1, True, 5)
    assert score.reward == pytest.approx(3 / 5)  # "dark" comes before "red"
    half = judge(thing("lamp", query="x", price=31), {"size": "9"}, target, wanted, 30.0)
    assert half.reward == pytest.approx(1.0 * (0 + 1 + 0) / 5)
    assert judge(thing("sofa"), wanted, target, wanted, None).reward == 0
    assert judge(target, {}, target, {}, None).reward == pytest.approx(2 / 3)
    whole = thing("Brass lamp", wanted=("brass",))
    assert judge(whole, {}, whole, {}, 20.0).reward == 1
    assert judge(whole, {}, whole, {}, 19.99).reward == pytest.approx(1 / 2)


def test_a_price_tag_is_one_price() -> None:
    assert price_of("$1,234.50", "A") == 1234.5
    assert price_of("", "A") == 100
    drawn = price_of("$10.00 to $20.00", "A")
    assert 10 <= drawn <= 20
    assert drawn == price_of("$10.00 to $20.00", "A") != price_of("$10.00 to $20.00", "B")
