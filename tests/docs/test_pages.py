"""The code on the pages runs.

All `python` blocks of a page are one program, run in the order of the page, in an empty folder,
offline. Lines of a `console run="yes"` block that begin with `$ forethought` are run where they
stand between them. A block marked `python run="no"` (it needs a key, a server or a large download)
must still be valid Python.
"""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TIME_LIMIT = 120
"""Seconds for one page."""
FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<code>.*?)^```\s*$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ (forethought\b.*(?:\\\n.*)*)$", re.MULTILINE)
RUN_COMMAND = """
import subprocess as _sp, sys as _sys, shlex as _sh
_sp.run([_sys.executable, "-c", "from forethought.cli.app import main; main()",
         *_sh.split({command!r})[1:]], check=True)
"""


@dataclass(frozen=True)
class Block:
    info: str
    code: str
    line: int
    """Where the code begins on its page, counted from 1."""


def _blocks(text: str) -> list[Block]:
    return [
        Block(match["info"].strip(), match["code"], text.count("\n", 0, match.start("code")) + 1)
        for match in FENCE.finditer(text)
    ]


def _program(blocks: list[Block]) -> str:
    """One script; its line numbers are those of the page up to the first command."""
    script = ""
    for block in blocks:
        if block.info == "python":
            script += "\n" * (block.line - 1 - script.count("\n")) + block.code
        elif block.info == 'console run="yes"':
            for command in COMMAND.findall(block.code):
                script += RUN_COMMAND.format(command=command)
    return script


def _pages() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", _pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_the_code_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    program = _program(_blocks(page.read_text(encoding="utf-8")))
    if not program.strip():
        return
    script = tmp_path / "page.py"
    script.write_text(program, encoding="utf-8")
    folder = tmp_path / "here"
    folder.mkdir()
    child = subprocess.run(
        [sys.executable, str(script)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=TIME_LIMIT,
    )
    assert child.returncode == 0, f"{page.name}:\n{child.stdout}\n{child.stderr}"


@pytest.mark.parametrize("page", _pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_code_that_is_not_run_is_still_python(page: Path) -> None:
    for block in _blocks(page.read_text(encoding="utf-8")):
        if block.info == 'python run="no"':
            compile(block.code, f"{page.name}:{block.line}", "exec")


def test_blocks_are_told_apart() -> None:
    text = (
        '# T\n\n```python\na = 1\n```\n\n```python run="no"\nraise\n```\n\n'
        "```console\n$ forethought no\n```\n\n"
        '```console run="yes"\n$ forethought envs --json\nout\n```\n'
        "\n```python\nassert a == 1\n```\n"
    )
    blocks = _blocks(text)
    assert [block.info for block in blocks] == [
        "python",
        'python run="no"',
        "console",
        'console run="yes"',
        "python",
    ]
    program = _program(blocks)
    assert program.startswith("\n\n\na = 1\n")
    assert "raise" not in program
    assert "forethought envs --json" in program
    assert "forethought no" not in program
    assert program.rstrip().endswith("assert a == 1")
