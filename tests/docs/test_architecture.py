from pathlib import Path

import pytest
from architecture_picture import ROOMS, draw, imports, room_of, sizes


@pytest.mark.parametrize(
    ("module", "room"),
    [
        ("forethought", ""),
        ("forethought.agent.types", "vocabulary"),
        ("forethought.agent.models.names", "agent"),
        ("forethought.valuefn.rl.losses", "valuefn.rl"),
        ("forethought.valuefn.reproduce.pnlc", "valuefn.reproduce"),
        ("forethought.valuefn.head", "valuefn"),
    ],
)
def test_modules_are_in_their_rooms(module: str, room: str) -> None:
    assert room_of(module) == room


def test_arrows_run_down_and_the_kernels_halves_never_meet(tmp_path: Path) -> None:
    found = imports()
    assert all(ROOMS[one].row > ROOMS[other].row for one, other in found)
    assert {one for one, _ in found} == set(ROOMS) - {"vocabulary"}
    assert all(files for files, _ in sizes().values())
    picture = tmp_path / "drawn.png"
    draw(found).savefig(picture)
    assert picture.stat().st_size > 20_000
