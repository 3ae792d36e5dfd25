import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sandboxes import Host

from forethought.agent.errors import ToolError
from forethought.tools.sandbox import PythonTool

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
async def test_nothing_is_brought_out(sandbox: PythonTool, host: Host, code: str) -> None:
    before = sorted(host.folder.iterdir())
    told = await _outcome(sandbox, host.fill(code))
    assert not LOOT.search(told), told
    assert sorted(host.folder.iterdir()) == before


@pytest.mark.parametrize(("code"), [pytest.param(c, id=n) for n, c, _ in DAMAGE])
async def test_nothing_is_changed(sandbox: PythonTool, host: Host, code: str) -> None:
    told = await _outcome(sandbox, host.fill(code))
    assert "escaped" not in told, told


@pytest.mark.skipif(sys.platform != "linux", reason="the attacks are written for Linux")
def test_the_attacks_work_where_there_is_no_sandbox(host: Host, tmp_path: Path) -> None:
    def unprotected(code: str) -> str:
        command = [sys.executable, "-c", host.fill(code)]
        done = subprocess.run(command, capture_output=True, cwd=tmp_path, timeout=30, text=True)
        return done.stdout + done.stderr

    tried = {name: code for name, code, works in ATTACKS if works}
    with ThreadPoolExecutor(4) as pool:
        told = dict(zip(tried, pool.map(unprotected, tried.values()), strict=True))
    for made in ("planted", "linked", "c"):
        (host.folder / made).unlink(missing_ok=True)
    assert {name: text for name, text in told.items() if not LOOT.search(text)} == {}
