from collections.abc import AsyncIterator

import pytest

from forethought.tools import python
from forethought.tools.sandbox import Limits, PythonTool


@pytest.fixture
async def box() -> AsyncIterator[PythonTool]:
    made = python("monty", limits=Limits(seconds=2))
    yield made
    await made.close()
