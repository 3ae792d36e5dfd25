"""The code on the pages runs.

All `python` blocks of a page are one program, run in the order of the page, in an empty folder,
offline. `<!-- run -->` above a `console` block has its lines that begin with `$ forethought` run
where they stand between them; with `<!-- run small -->` they are run at reduced size: fewer
episodes, one small head. `<!-- file NAME.py -->` above a `python` block has it written to the end
of that file, which later blocks and commands may import, as they may the folders of
`docs/examples`. `<!-- not run -->` above a `python` block (it needs a key, a server or a large
download) leaves it out; it must still be valid Python.
"""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest
from nursery import Nursery

ROOT = Path(__file__).parents[2]
FENCE = re.compile(
    r"^(?:<!-- (?P<mark>[a-z _.]+) -->\n)?```(?P<info>[^\n`]*)\n(?P<code>.*?)^```\s*$",
    re.MULTILINE | re.DOTALL,
)
MARKED_FILE = re.compile(r"file [a-z_]+\.py")
COMMAND = re.compile(r"^\$ (forethought\b(?:.*\\\n)*.*)$", re.MULTILINE)
KEEP = """
with open({name!r}, "a", encoding="utf-8") as _file:
    _file.write({code!r})
"""
EPISODES = 20
"""Most episodes of a command run at reduced size."""
SMALL_HEAD = ["--set", "members=1", "--set", "hidden=16", "--set", "steps=60"]
RUN_COMMAND = """
from forethought.cli.app import main as _command
try:
    _command({arguments!r})
except SystemExit as _end:
    if _end.code:
        raise
"""
"""In the page's own process, which has loaded everything already."""


@dataclass(frozen=True)
class Block:
    info: str
    mark: str
    """What stands above it as a comment."""
    code: str
    line: int
    """Where the code begins on its page, counted from 1."""


def _blocks(text: str) -> list[Block]:
    return [
        Block(
            match["info"].strip(),
            match["mark"] or "",
            match["code"],
            text.count("\n", 0, match.start("code")) + 1,
        )
        for match in FENCE.finditer(text)
    ]


def _program(blocks: list[Block]) -> str:
    """One script; its line numbers are those of the page up to the first command."""
    script = ""
    for block in blocks:
        if block.info == "python" and block.mark.startswith("file "):
            script += KEEP.format(name=block.mark.removeprefix("file "), code=block.code)
        elif block.info == "python" and block.mark != "not run":
            script += "\n" * (block.line - 1 - script.count("\n")) + block.code
        elif block.info == "console" and block.mark in {"run", "run small"}:
            for command in COMMAND.findall(block.code):
                small = block.mark == "run small"
                script += RUN_COMMAND.format(arguments=_arguments(command, small=small))
    return script


def _arguments(command: str, *, small: bool) -> list[str]:
    """What the command is called with, at reduced size or as it stands."""
    if small:
        command = re.sub(
            r"(--episodes )(\d+)", lambda at: f"{at[1]}{min(int(at[2]), EPISODES)}", command
        )
        command = re.sub(r"(--seeds \d+,\d+),\d+", r"\1", command)
    arguments = shlex.split(command.replace("\\\n", " "))[1:]
    return arguments + SMALL_HEAD if small and arguments[:2] == ["train", "value"] else arguments


def _pages() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", _pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_the_code_of_a_page_runs(page: Path, tmp_path: Path, nursery: Nursery) -> None:
    program = _program(_blocks(page.read_text(encoding="utf-8")))
    if not program.strip():
        return
    script = tmp_path / "page.py"
    script.write_text(program, encoding="utf-8")
    folder = tmp_path / "here"
    folder.mkdir()
    child = nursery.run(script, cwd=folder)
    assert child.returncode == 0, f"{page.name}:\n{child.stdout}\n{child.stderr}"


@pytest.mark.parametrize("page", _pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_code_that_is_not_run_is_still_python(page: Path) -> None:
    for block in _blocks(page.read_text(encoding="utf-8")):
        if block.info == "python" and block.mark:
            compile(block.code, f"{page.name}:{block.line}", "exec")


def test_marks_are_spelled_right_and_an_info_line_is_one_word() -> None:
    for page in _pages():
        for block in _blocks(page.read_text(encoding="utf-8")):
            known = block.mark in {"", "run", "run small", "not run"}
            assert known or MARKED_FILE.fullmatch(block.mark), f"{page.name}:{block.line}"
            assert re.fullmatch(r"\w*", block.info), f"{page.name}:{block.line}"


def test_blocks_are_told_apart() -> None:
    text = (
        "# T\n\n```python\na = 1\n```\n\n<!-- not run -->\n```python\n1 / 0\n```\n\n"
        "```console\n$ forethought no\n```\n\n"
        "<!-- run -->\n```console\n$ forethought envs --json \\\n  --help\nout\n```\n"
        "\n```python\nassert a == 1\n```\n"
    )
    blocks = _blocks(text)
    assert [(block.info, block.mark) for block in blocks] == [
        ("python", ""),
        ("python", "not run"),
        ("console", ""),
        ("console", "run"),
        ("python", ""),
    ]
    program = _program(blocks)
    assert program.startswith("\n\n\na = 1\n")
    assert "1 / 0" not in program
    assert "_command(['envs', '--json', '--help'])" in program
    assert "['no']" not in program
    assert program.rstrip().endswith("assert a == 1")


def test_blocks_become_files_and_commands_are_run_small() -> None:
    text = (
        "<!-- file own.py -->\n```python\na = 'x'\n```\n\n"
        "<!-- file own.py -->\n```python\nb = 2\n```\n"
        "<!-- run small -->\n```console\n"
        "$ forethought play w --episodes 600 --seeds 1,2,3 \\\n    --out o\n"
        "$ forethought train value o --out h\n```\n```python\nimport own\n```\n"
    )
    program = _program(_blocks(text))
    assert program.count("open('own.py', \"a\"") == 2
    assert "_file.write(\"a = 'x'\\n\")" in program
    assert f"'--episodes', '{EPISODES}', '--seeds', '1,2', '--out', 'o'" in program
    assert f"['train', 'value', 'o', '--out', 'h', {str(SMALL_HEAD)[1:]}" in program
    assert program.rstrip().endswith("import own")
