import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from forethought.agent.errors import ToolError
from forethought.tools.sandbox import PythonTool

if TYPE_CHECKING:
    from conftest import Host

HERE = Path(__file__).parent
SECTION = re.compile(r"^=== (\S+)( \*)?\n(.*?)(?=^=== |\Z)", re.MULTILINE | re.DOTALL)
LOOT = re.compile(r"loot-[0-9a-f]{12}")


def _sections(file: str) -> list[tuple[str, str, bool]]:
    text = (HERE / file).read_text(encoding="utf-8")
    return [(name, code, not star) for name, star, code in SECTION.findall(text)]


ATTACKS = _sections("attacks.txt")
DAMAGE = _sections("damage.txt")


async def _outcome(sandbox: PythonTool, code: str) -> str:
    try:
        return await sandbox.call({"code": code})
    except ToolError as error:
        return str(error)


def test_there_are_enough_cases() -> None:
    names = [name for name, _, _ in ATTACKS + DAMAGE]
    assert len(names) == len(set(names)) >= 120


@pytest.mark.parametrize(("code"), [pytest.param(c, id=n) for n, c, _ in ATTACKS])
async def test_nothing_is_brought_out(sandbox: PythonTool, host: "Host", code: str) -> None:
    before = sorted(os.listdir(host.folder))
    told = await _outcome(sandbox, host.fill(code))
    assert not LOOT.search(told), told
    assert sorted(os.listdir(host.folder)) == before


@pytest.mark.parametrize(("code"), [pytest.param(c, id=n) for n, c, _ in DAMAGE])
async def test_nothing_is_changed(sandbox: PythonTool, host: "Host", code: str) -> None:
    told = await _outcome(sandbox, host.fill(code))
    assert "escaped" not in told, told


@pytest.mark.skipif(sys.platform != "linux", reason="the attacks are written for Linux")
def test_the_attacks_work_where_there_is_no_sandbox(host: "Host", tmp_path: Path) -> None:
    missed = []
    for name, code, works in ATTACKS:
        if works:
            done = subprocess.run(
                [sys.executable, "-c", host.fill(code)],
                capture_output=True,
                text=True,
                errors="replace",
                timeout=20,
                cwd=tmp_path,
            )
            if not LOOT.search(done.stdout):
                missed.append((name, done.stderr[-200:]))
            for made in ("planted", "linked", "c"):
                (host.folder / made).unlink(missing_ok=True)
    assert missed == []
