"""What holds for every test: no network but loopback, a cache of its own, known data folder."""

import gc
import importlib.util
import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # started in the background of a script, which ignores Ctrl-C for all its children: the tests
    # that press it need one that works
    signal.signal(signal.SIGINT, signal.default_int_handler)


ROOT = Path(__file__).parent.parent
OFFLINE = ROOT / "tests" / "offline"


def _go_offline() -> None:
    """Guard this process, and through the environment the Python processes it starts."""
    spec = importlib.util.spec_from_file_location("offline_guard", OFFLINE / "sitecustomize.py")
    if spec is None or spec.loader is None:
        raise pytest.UsageError("tests/offline/sitecustomize.py is missing")
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    paths = [str(OFFLINE), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    os.environ["HF_HUB_OFFLINE"] = "1"


def _find_data() -> None:
    data = ROOT.parent / "shared" / "data"
    if data.is_dir():
        os.environ.setdefault("FORETHOUGHT_DATA", str(data))


_go_offline()
_find_data()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Modules and tests stay to the end, so the garbage collector need not look through them."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FORETHOUGHT_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT
