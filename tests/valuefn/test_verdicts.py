import pytest

from forethought.valuefn.verdicts import Loss, judge, never_varies, verdict

NONE = Loss(0.001, -0.01, 0.012)
CLEAR = Loss(0.2, 0.1, 0.3)
HARM = Loss(-0.1, -0.15, -0.05)
WIDE = Loss(0.0, -0.1, 0.1)


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        ([NONE, NONE], "no"),
        ([NONE, None], "no"),
        ([CLEAR, NONE], "yes"),
        ([NONE, HARM], "worse"),
        ([CLEAR, HARM], "yes"),
        ([WIDE, NONE], "unknown"),  # no difference shown is not no difference
        ([None, None], "unknown"),
        ([Loss(0.01, 0.005, 0.015)], "no"),  # a difference, and too small to count
        ([Loss(0.01, 0.005, 0.03)], "yes"),
    ],
)
def test_a_part_counts_by_its_intervals(losses: list[Loss | None], said: str) -> None:
    assert judge(losses, 0.02) == said


def test_the_margin_decides_what_counts_as_none() -> None:
    assert judge([NONE], 0.005) == "unknown"
    assert judge([WIDE], 0.2) == "no"


def test_one_sentence_for_each_part() -> None:
    said = verdict("thought", (NONE, NONE), (CLEAR, CLEAR)).sentence
    assert said == (
        "This head ignores the thought: without it it loses +0.001 [-0.010, +0.012] of AUC and "
        "+0.001 [-0.010, +0.012] of the reward, both within 0.02 of 0. A head trained without the "
        "thought is worse: it loses +0.200 [+0.100, +0.300] of AUC and +0.200 [+0.100, +0.300] of "
        "the reward."
    )
    assert "is misled by the state" in verdict("state", (HARM, HARM), (WIDE, WIDE)).sentence
    assert "cannot be told" in verdict("state", (WIDE, None), (WIDE, None)).sentence
    nothing = verdict("state", (None, None), (None, None))
    assert "nothing that could be measured" in nothing.sentence
    assert never_varies("prefix").used is None
