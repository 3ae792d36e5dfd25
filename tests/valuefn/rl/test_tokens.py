import json
from dataclasses import replace
from pathlib import Path

import pytest

from forethought.agent.errors import ConfigError, DataError
from forethought.valuefn.rl.checks import check_tokens
from forethought.valuefn.rl.page import tokens_page
from forethought.valuefn.rl.store import FILE, append_rollouts, keep_lines, read_rollouts
from forethought.valuefn.rl.tokens import (
    Kind,
    Rollout,
    Segment,
    Span,
    equal_groups,
    total_reward,
)

G, S, F = Kind.GIVEN, Kind.SAMPLED, Kind.FORCED
ROLLOUT = Rollout(
    task="t",
    prompt_ids=(9, 8),
    completion_ids=(1, 2, 3, 4, 5, 6),
    logprobs=(-0.5, -1.0, -2.0, 0.0, 0.0, -0.1),
    kinds=(F, S, S, G, G, S),
    spans=(Span.SAMPLE, Span.SAMPLE, Span.TOOL, Span.TOOL, Span.TOOL, Span.DECISION),
    turns=("abc", "f"),
    given=("de",),
    ends=(3, 6),
    rewards={"exact": 1.0, "format": 0.5},
    prefix="a",
    seen=(9, 8, 1, 2, 3, 4, 5),
)
SAMPLED = (0, 1, 1, 0, 0, 1)


def test_segments_are_runs_of_one_kind_and_span() -> None:
    assert ROLLOUT.segments == (
        Segment(F, Span.SAMPLE, 0, 1),
        Segment(S, Span.SAMPLE, 1, 2),
        Segment(S, Span.TOOL, 2, 3),
        Segment(G, Span.TOOL, 3, 5),
        Segment(S, Span.DECISION, 5, 6),
    )
    assert ROLLOUT.prefixed
    assert ROLLOUT.text == "abcf"
    assert not replace(ROLLOUT, kinds=(S, S, S, G, G, S)).prefixed


def test_a_given_token_belongs_to_the_turn_before_it() -> None:
    assert ROLLOUT.turn_of() == (0, 0, 0, 0, 0, 1)
    nothing_given = replace(ROLLOUT, kinds=(S,) * 6, ends=(2, 4, 6), turns=("a", "b", "c"))
    assert nothing_given.turn_of() == (0, 0, 1, 1, 2, 2)
    trailing = replace(ROLLOUT, kinds=(S, S, S, S, G, G), ends=(2, 4), turns=("a", "b"))
    assert trailing.turn_of() == (0, 0, 1, 1, 1, 1)


def test_a_right_batch_is_counted() -> None:
    checked = check_tokens([ROLLOUT, ROLLOUT], [SAMPLED, SAMPLED])
    assert checked.rollouts == 2
    assert checked.tokens == {"forced": 2, "sampled": 6, "given": 4}
    assert checked.trained == {"sampled": 6}
    with_prefix = check_tokens([ROLLOUT], [(1, 1, 1, 0, 0, 1)], allowed=frozenset({S, F}))
    assert with_prefix.trained == {"forced": 1, "sampled": 3}


@pytest.mark.parametrize(
    ("change", "mask", "words"),
    [
        ({"kinds": (F, S)}, SAMPLED, "6 completion tokens but 2 kinds"),
        ({"logprobs": (-1.0,)}, SAMPLED, "6 completion tokens but 1 log-probabilities"),
        ({}, (0, 1), "6 completion tokens but 2 mask entries"),
        ({}, (1, 1, 1, 0, 0, 1), "loss on token 0, which is forced: only sampled tokens"),
        ({}, (0, 1, 1, 1, 0, 1), "loss on token 3, which is given"),
        ({}, (0, 2, 1, 0, 0, 1), "mask entry 2 at token 1"),
        ({}, (0,) * 6, "nothing would train"),
        ({"completion_ids": (1, 2, 3, 4, 7, 6)}, SAMPLED, "those the model saw differ at token 6"),
        ({"seen": (9, 8, 1)}, SAMPLED, "those the model saw differ at token 3"),
        ({"prompt_ids": (8, 9)}, SAMPLED, "those the model saw differ at token 0"),
        ({"logprobs": (-0.5, float("nan"), -2.0, 0.0, 0.0, 0.0)}, SAMPLED, "log-probability nan"),
        ({"logprobs": (-0.5, 0.2, -2.0, 0.0, 0.0, 0.0)}, SAMPLED, "log-probability 0.2 at token 1"),
        ({"ends": (3, 9)}, SAMPLED, "turns that end outside"),
        ({"prompt_ids": ()}, SAMPLED, "no prompt tokens"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(
    change: dict[str, object], mask: tuple[int, ...], words: str
) -> None:
    wrong = replace(ROLLOUT, **change)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=words) as told:
        check_tokens([wrong], [mask])
    assert "\n" not in str(told.value)


def test_tokens_that_were_encoded_again_are_found() -> None:
    whole = (*ROLLOUT.prompt_ids, *ROLLOUT.completion_ids)
    check_tokens([ROLLOUT], [SAMPLED], fed=[whole])
    with pytest.raises(DataError, match="those the update is fed differ at token 7"):
        check_tokens([ROLLOUT], [SAMPLED], fed=[whole[:-1]])
    with pytest.raises(DataError, match="those the update is fed differ at token 2"):
        check_tokens([ROLLOUT], [SAMPLED], fed=[(9, 8, 12, 3, 4, 5, 6)])


def test_an_empty_batch_or_a_missing_mask_is_an_error() -> None:
    with pytest.raises(DataError, match="no rollouts"):
        check_tokens([], [])
    with pytest.raises(DataError, match="1 rollouts but 0 masks"):
        check_tokens([ROLLOUT], [])


def test_rollouts_come_back_from_disk_as_they_were(tmp_path: Path) -> None:
    append_rollouts(tmp_path / "deep" / FILE, 3, [ROLLOUT], [SAMPLED])
    append_rollouts(tmp_path / "deep" / FILE, 4, [ROLLOUT], [SAMPLED])
    rows = read_rollouts(tmp_path / "deep")
    assert [row.step for row in rows] == [3, 4]
    assert rows[0].rollout == ROLLOUT
    assert rows[0].rollout.kinds[0] is Kind.FORCED
    assert rows[0].trains == SAMPLED


def test_what_is_made_again_is_dropped_with_a_line_cut_off(tmp_path: Path) -> None:
    file = tmp_path / FILE
    for step in (3, 4, 5):
        append_rollouts(file, step, [ROLLOUT], [SAMPLED])
    with file.open("a") as out:
        out.write('{"step": 6, "roll')
    keep_lines(file, lambda row: row["step"] < 5)
    assert [row.step for row in read_rollouts(file)] == [3, 4]
    keep_lines(tmp_path / "none", lambda row: True)
    file.write_text('{"step": 1\n{"step": 2}\n')
    with pytest.raises(DataError, match="line 1: not JSON"):
        keep_lines(file, lambda row: True)


def test_a_damaged_or_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no rollouts at"):
        read_rollouts(tmp_path)
    append_rollouts(tmp_path / FILE, 0, [ROLLOUT], [SAMPLED])
    row = json.loads((tmp_path / FILE).read_text())
    row["rollout"]["kinds"][0] = 7
    (tmp_path / FILE).write_text(json.dumps(row) + "\n")
    with pytest.raises(DataError, match=r"line 1: no rollout: rollout.kinds.0"):
        read_rollouts(tmp_path)


def test_the_page_escapes_and_marks(tmp_path: Path) -> None:
    append_rollouts(tmp_path / FILE, 0, [replace(ROLLOUT, task="<t>")], [SAMPLED])
    texts = {9: "<b>", 8: "&", 1: "pre", 2: "two", 3: "</script>", 4: "four", 5: "five", 6: "six"}
    page = tokens_page(read_rollouts(tmp_path), texts.__getitem__)
    assert "<b>" not in page.split("<body>")[1]
    assert "&lt;b&gt;" in page
    assert "&lt;/script&gt;" in page
    assert 'class="forced" title="forced, sample, log-probability -0.5000">pre<' in page
    assert 'class="sampled tool trains"' in page
    assert 'class="given tool" title="given, tool">four<' in page
    assert 'class="sampled decision trains"' in page
    assert "3 of 6 tokens train" in page
    assert "http" not in page
    assert "src=" not in page


def test_rewards_are_weighed_and_equal_groups_found() -> None:
    assert total_reward(ROLLOUT.rewards, {"exact": 0.8, "format": 0.2}) == pytest.approx(0.9)
    assert total_reward(ROLLOUT.rewards, {"exact": 1.0}) == 1.0
    assert equal_groups([[1.0, 1.0], [0.0, 1.0], [0.3, 0.3 + 1e-12]]) == [0, 2]
