from forethought.agent.errors import UnknownName


def test_an_unknown_name_comes_with_the_nearest_and_what_there_is() -> None:
    said = str(UnknownName("planner", "rnk", ["tree", "rank"]))
    assert said == "unknown planner 'rnk'; did you mean 'rank'? known: rank, tree"
    assert str(UnknownName("planner", "x", [])) == "unknown planner 'x'; known: none"


def test_of_many_names_the_first_are_told_and_the_nearest_all_the_same() -> None:
    names = [f"game-{number:03}" for number in range(300)]
    said = str(UnknownName("game", "game-29", [*names, "zebra"]))
    assert "did you mean 'game-29" in said
    assert said.endswith("game-023 and 277 more")
