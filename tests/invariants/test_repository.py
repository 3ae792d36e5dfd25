import re
import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
HOMES = re.compile(r"(?<![\w.:/-])/(?:home|Users|root|work|mnt|tmp/\w)(?:/|\b)[\w.-]*")
"""Paths that exist on somebody's machine only."""
BESIDE = re.compile(r"\.\./shared")
MAY_LOOK_BESIDE = {"Makefile", ".ci/run", "tests/conftest.py"}
LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def _tracked() -> list[str]:
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [name for name in listing.split("\0") if (ROOT / name).is_file()]


def _texts() -> list[tuple[str, str]]:
    texts = []
    for name in _tracked():
        try:
            texts.append((name, (ROOT / name).read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            continue
    return texts


def test_no_path_of_one_machine() -> None:
    found = [
        f"{name}: {match.group()}"
        for name, text in _texts()
        if name != "tests/invariants/test_repository.py"
        for match in HOMES.finditer(text)
    ]
    assert found == []


def test_nothing_outside_the_checkout_is_named() -> None:
    names = {name for name, text in _texts() if BESIDE.search(text)}
    assert names <= MAY_LOOK_BESIDE | {"tests/invariants/test_repository.py"}


def test_relative_links_lead_somewhere() -> None:
    broken = []
    for name, text in _texts():
        if not name.endswith(".md"):
            continue
        for target in LINK.findall(FENCED.sub("", text)):
            if re.match(r"[a-z][a-z0-9+.-]*:", target) or target.startswith("#"):
                continue
            path = unquote(target.partition("#")[0])
            if not (ROOT / name).parent.joinpath(path).exists():
                broken.append(f"{name}: {target}")
    assert broken == []


def test_the_gates_can_be_called() -> None:
    run = ROOT / ".ci" / "run"
    assert run.stat().st_mode & 0o111
    assert "make test" in run.read_text(encoding="utf-8")
