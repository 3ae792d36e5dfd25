import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from forethought.tools.mcp import Command, McpClient

Run = Any
MAIN = [sys.executable, "-c", "from forethought.cli.app import main; main()"]
TOOL = '''
from forethought import tool

@tool
def stock(item: str) -> int:
    """Units left.

    Args:
        item: Catalogue name.
    """
    return 3
'''


async def test_a_head_is_served_as_two_tools(kept: Path) -> None:
    place = Command([*MAIN, "mcp", "serve", "--head", str(kept / "head")], ["PATH", "PYTHONPATH"])
    async with McpClient(place, start_timeout=60) as client:
        estimate, explain = await client.tools()
        assert (estimate.name, explain.name) == ("estimate", "explain")
        asked = {
            "state": "The sign says: go left.",
            "candidates": ["I follow the path that the sign means.", "I take the other path."],
            "goals": ["I reach the village."],
        }
        told = json.loads(await estimate.call(asked))
        chances = [each["goals"][0] for each in told["candidates"]]
        assert all(0 <= each["low"] <= each["chance"] <= each["high"] <= 1 for each in chances)
        one = {"state": asked["state"], "candidate": "I follow the path.", "goal": "g"}
        evidence = json.loads(await explain.call({**one, "nearest": 2}))["evidence"]
    assert [set(each) for each in evidence] == [
        {"episode", "state", "thought", "distance", "reached"}
    ] * 2


def test_a_module_of_this_folder_is_served_and_listed(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(TOOL)
    # the child of a child gets nothing but PATH and HOME, so the words name the package's place
    serve = f"import sys; sys.path[:0] = {os.environ['PYTHONPATH'].split(os.pathsep)!r}; {MAIN[2]}"
    server = [sys.executable, "-c", serve, "mcp", "serve", "--tools", "shop:stock"]
    done = subprocess.run(
        [*MAIN, "mcp", "tools", "--json", "--", *server],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    (told,) = json.loads(done.stdout)["tools"]
    assert (told["name"], told["description"]) == ("stock", "Units left.")
    assert list(told["schema"]["properties"]) == ["item"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["serve"], "there is nothing to serve"),
        (["serve", "--tools", "shop"], "--tools is MODULE:NAME"),
        (["serve", "--tools", "no_such_module:x", "--http"], "No module named 'no_such_module'"),
        (["serve", "--tools", "json:nothing", "--http"], "unknown name in json 'nothing'"),
        (["serve", "--tools", "json:dumps", "--http"], "is no tool; decorate it with @tool"),
        (["serve", "--tools", "json:dumps", "--port", "80"], "are for --http"),
        (["serve", "--head", "no-such-head", "--http"], "no-such-head"),
    ],
)
def test_what_cannot_be_served(run: Run, words: list[str], said: str) -> None:
    told = run("mcp", *words)
    assert told.code == 2
    assert told.out == ""
    assert said in told.err
    assert told.err.count("\n") == 1


def test_a_server_that_is_not_there(run: Run) -> None:
    told = run("mcp", "tools", "no-such-program")
    assert (told.code, told.out) == (1, "")
    assert "no-such-program cannot be used: " in told.err
