import hashlib
import subprocess
import sys
import time

import numpy as np
import plain_hashed
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forethought.agent.errors import ConfigError, UnknownName
from forethought.envs.casino import casino_traces
from forethought.valuefn.encoders import JoinedEncoder, make_encoder
from forethought.valuefn.hashed import HashedEncoder

ENCODER = HashedEncoder()
GOLDEN = "5e4df0baccd86ed1e3825ff3620dd12f"


def distance(a: str, b: str) -> float:
    x, y = ENCODER.encode([a, b])
    return float(np.linalg.norm(x - y))


def test_a_number_keeps_its_value_and_its_name() -> None:
    near = distance("I ask for 6.5 points.", "I ask for 7.5 points.")
    far = distance("I ask for 1.5 points.", "I ask for 7.5 points.")
    assert 0 < near < far
    # the same value under another name is another feature
    a, b = ENCODER.encode(["ask 7.5", "turn 7.5"])
    assert not np.array_equal(a[ENCODER.words :], b[ENCODER.words :])


def test_whole_numbers_can_be_told_apart_by_a_step() -> None:
    rows = ENCODER.encode([f"at least {n} of 10" for n in range(1, 11)])
    assert np.linalg.matrix_rank(rows - rows.mean(axis=0)) >= 9


def test_ratio_of_two_numbers() -> None:
    half, whole = ENCODER.encode(["5 of 10", "10 of 20"])
    other = ENCODER.encode(["5 of 20"])[0]
    shared = half[ENCODER.words :] * whole[ENCODER.words :]
    assert shared.sum() > (half[ENCODER.words :] * other[ENCODER.words :]).sum() - 1
    assert np.isfinite(ENCODER.encode(["5 of 0"])).all()


def test_an_empty_text_is_all_zeros_and_no_texts_are_no_rows() -> None:
    assert not ENCODER.encode([""]).any()
    assert ENCODER.encode([]).shape == (0, ENCODER.dim)


@given(st.lists(st.text(max_size=80), max_size=5))
def test_any_text_gives_finite_numbers_that_do_not_depend_on_its_neighbours(
    texts: list[str],
) -> None:
    together = ENCODER.encode(texts)
    assert together.shape == (len(texts), ENCODER.dim)
    assert np.isfinite(together).all()
    for row, text in zip(together, texts, strict=True):
        assert np.array_equal(row, ENCODER.encode([text])[0])


PIECES = [
    *("ask", "of", "5 of", "7.5", "10", "-3", "0", "40", "41", "1e5", "9" * 400, "x9", "ΑΣ", "ß"),
    *(". ", ".\n", "; ", ".", ";", "! ", "? ", " ", "  ", "\n", ", ", "\x00", "'", "_", "²", "٣"),
]


@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=14).map("".join), max_size=6))
def test_sentence_by_sentence_is_bit_for_bit_what_one_text_at_a_time_gives(
    texts: list[str],
) -> None:
    finite = [text for text in texts if "9" * 309 not in text]
    for encoder in (HashedEncoder(), HashedEncoder(8, 4)):
        expected = plain_hashed.encode(finite, encoder.words, encoder.numbers)
        assert encoder.encode(finite).tobytes() == expected.tobytes()
        assert encoder.encode(finite[::-1]).tobytes() == expected[::-1].tobytes()
        assert np.isfinite(encoder.encode(texts)).all()


def test_a_whole_is_found_in_the_next_sentence() -> None:
    texts = ["I ask for 5 of. 10 are there.", "5 of; 20", "3 of 4. 5 of", "5 of. None. 8"]
    assert ENCODER.encode(texts).tobytes() == plain_hashed.encode(texts).tobytes()
    assert not np.array_equal(ENCODER.encode(texts[:1])[0], ENCODER.encode([texts[0][:13]])[0])


def test_vectors_of_real_texts_have_not_changed_since_heads_were_saved_with_them() -> None:
    texts = [step.state for trace in casino_traces(("valid",)) for step in trace.steps]
    vectors = HashedEncoder().encode(texts)
    assert hashlib.blake2b(vectors.tobytes(), digest_size=16).hexdigest() == GOLDEN
    assert HashedEncoder().fingerprint == "hashed-1-512-512"


def test_equal_in_another_process() -> None:
    text = "Turn 3 of 10: they ask for 7.5 points."
    code = (
        "from forethought.valuefn.hashed import HashedEncoder;"
        f"print(HashedEncoder().encode([{text!r}]).tobytes().hex())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == ENCODER.encode([text]).tobytes().hex()


def test_fast_enough_to_be_used_without_a_cache() -> None:
    texts = [f"I ask for {n % 11} points, leaving them {n % 7}.5." for n in range(4000)]
    ENCODER.encode(texts)
    start = time.perf_counter()
    ENCODER.encode(texts)
    assert len(texts) / (time.perf_counter() - start) > 5_000


def test_encoders_by_name() -> None:
    assert make_encoder("hashed") is make_encoder("hashed")
    with pytest.raises(UnknownName, match="did you mean 'hashed'"):
        make_encoder("hash")
    with pytest.raises(ConfigError, match="twice"):
        make_encoder("hashed+hashed")


def test_joined_encoders_lie_side_by_side() -> None:
    small = HashedEncoder(8, 4)
    joined = JoinedEncoder([small, ENCODER])
    row = joined.encode(["ask 7"])
    assert row.shape == (1, joined.dim)
    assert np.array_equal(row[:, :12], small.encode(["ask 7"]))
    assert joined.fingerprint == f"{small.fingerprint}+{ENCODER.fingerprint}"
