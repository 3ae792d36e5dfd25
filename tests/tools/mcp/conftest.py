from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from mcp_children import SUPPORT, Web, children, settled


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    """No test leaves a process behind."""
    before = children()
    yield
    assert settled(lambda: children() <= before), "a process was left running"


@pytest.fixture
def web() -> Iterator[Callable[..., Web]]:
    with ExitStack() as stack:

        def make(name: str, *words: str) -> Web:
            made = Web([str(SUPPORT / name), *words])
            stack.callback(made.kill)
            return made

        yield make
