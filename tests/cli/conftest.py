import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from forethought.cli.app import main


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.out)
        assert self.out.count("\n") == 1
        return value


Run = Callable[..., Said]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """The command in this process."""

    def call(*arguments: object) -> Said:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(each) for each in arguments])
        printed = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Said(ended.value.code, printed.out, printed.err)

    return call


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with traces of two worlds and a head with its control, made by the command."""
    folder = tmp_path_factory.mktemp("kept")
    for arguments in (
        ["play", "signpost-v0", "--episodes", "60", "--out", f"{folder}/signs"],
        ["play", "signpost-v0", "--episodes", "40", "--seed", "1", "--out", f"{folder}/others"],
        [
            *("train", "value", f"{folder}/signs", "--out", f"{folder}/head", "--control"),
            *("--set", "members=1", "--set", "hidden=32", "--set", "steps=200"),
        ],
    ):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 0
    return folder
