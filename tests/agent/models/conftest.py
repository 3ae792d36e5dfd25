from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small random model."""
    torch = pytest.importorskip("torch", reason="torch is not installed: extra local")
    pytest.importorskip("llguidance", reason="llguidance is not installed: extra local")
    torch.set_num_threads(1)
    from tiny_llama import write_tiny

    return write_tiny(tmp_path_factory.mktemp("tiny"))
