"""One thread for tiny matrices.

A head's products are so small that a second thread costs more than it brings; on a machine that is
busy it costs ten times the product itself.
"""

from contextlib import AbstractContextManager
from functools import cache

from forethought.agent.errors import needs

with needs("value heads", "pip install 'forethought[value]'"):
    from threadpoolctl import ThreadpoolController


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


def one_thread() -> AbstractContextManager[object]:
    """Run BLAS on one thread inside the block, and as before after it."""
    limit: AbstractContextManager[object] = _controller().limit(limits=1, user_api="blas")
    return limit
