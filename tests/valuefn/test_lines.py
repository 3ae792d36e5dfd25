import numpy as np
import pytest

from forethought.agent.errors import UnknownName
from forethought.valuefn.encoders import make_encoder
from forethought.valuefn.hashed import HashedEncoder
from forethought.valuefn.lines import LinesEncoder, NotesEncoder

TALK = "Turns heard 3.\nme: hello there\nyou: yes please\nme: thank you"


def test_lines_of_each_side_are_averaged() -> None:
    inner = HashedEncoder(words=32, numbers=8)
    encoder = LinesEncoder(inner)
    assert encoder.dim == 120
    me, you, neither = encoder.encode([TALK])[0].reshape(3, 40)
    said = inner.encode(["hello there", "thank you", "yes please"])
    np.testing.assert_allclose(me, said[:2].mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(you, said[2], atol=1e-6)
    assert not neither.any()


def test_a_text_without_spoken_lines_is_embedded_whole() -> None:
    inner = HashedEncoder(words=32, numbers=8)
    found = LinesEncoder(inner).encode(["The other donates.", "", "  "]).reshape(3, 3, 40)
    np.testing.assert_allclose(found[0, 2], inner.encode(["The other donates."])[0])
    assert not found[0, :2].any()
    assert not found[1:].any()
    assert LinesEncoder(inner).encode([]).shape == (0, 120)


def test_notes_do_not_see_what_is_said() -> None:
    encoder = NotesEncoder(HashedEncoder())
    other = TALK.replace("hello there", "something else")
    one, two = encoder.encode([TALK, other])
    assert (one == two).all()
    assert (encoder.encode(["Turns heard 4."])[0] != one).any()


def test_they_are_found_by_name_and_know_their_inner_encoder() -> None:
    assert make_encoder("notes").fingerprint == f"notes-1({HashedEncoder().fingerprint})"
    assert make_encoder("hashed+notes").dim == 2 * HashedEncoder().dim
    with pytest.raises(UnknownName, match="notse"):
        make_encoder("notse")
