"""The process that the programs of the pages and the examples are forks of."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from nursery import Nursery


@pytest.fixture(scope="session")
def nursery(root: Path) -> Iterator[Nursery]:
    with closing(Nursery(root / "docs" / "examples")) as nursery:
        yield nursery
