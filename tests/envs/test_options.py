import pytest

from forethought.agent.errors import ConfigError
from forethought.envs.options import checked, find_number, read_seat
from forethought.envs.registry import get_world, world_ids

SPLITS = {"train": range(3), "validation": range(5, 5), "test": range(10, 12)}


def test_options_are_handed_on_and_none_are_none() -> None:
    given = {"instance": 3, "mood": "calm"}
    assert checked("w", given, "mood") is given
    assert checked("w", None) == {}


def test_every_unknown_option_is_named() -> None:
    with pytest.raises(ConfigError, match=r"^w has no option colour, mood$"):
        checked("w", {"mood": 1, "colour": 2, "seat": 0})


@pytest.mark.parametrize(
    ("seat", "seats", "message"),
    [
        (2, 2, "seat must be 0 or 1, not 2"),
        (-1, 5, "seat must be 0 to 4, not -1"),
        ("left", 2, "seat must be a number, not 'left'"),
    ],
)
def test_a_seat_that_is_not_there(seat: object, seats: int, message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{message}$"):
        read_seat({"seat": seat}, seats)


def test_seats_are_read() -> None:
    assert [read_seat({}, 2), read_seat({"seat": "4"}, 5)] == [0, 4]


def test_an_instance_lies_in_its_split() -> None:
    assert find_number("w", 2, SPLITS) == ("train", 2)
    assert find_number("w", 11, SPLITS) == ("test", 1)


@pytest.mark.parametrize("number", [-1, 3, 5, 12])
def test_an_instance_that_is_not_there_names_what_is(number: int) -> None:
    with pytest.raises(
        ConfigError, match=f"^w has no instance {number}; it has train 0 to 2, test 10 to 11$"
    ):
        find_number("w", number, SPLITS)


@pytest.mark.parametrize(
    "name", [name for name in world_ids() if name.split("-")[0] not in {"webshop", "multihop"}]
)
def test_every_world_refuses_what_it_does_not_know(name: str) -> None:
    env = get_world(name).make()
    with pytest.raises(ConfigError, match="has no option no such option"):
        env.reset(seed=0, options={"no such option": 1})
