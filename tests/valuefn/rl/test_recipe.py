import json
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import pytest

from forethought.agent.errors import ConfigError, DataError
from forethought.valuefn.rl.recipe import (
    Loss,
    Prefixes,
    Recipe,
    Stage,
    as_plain,
    check_recipe,
    load_recipe,
    members_prefixed,
    recipe_from,
)
from forethought.valuefn.rl.rows import RECIPES
from forethought.valuefn.rl.stages import Course
from forethought.valuefn.rl.tokens import Kind

GRPO = RECIPES["grpo"]


def test_rows_are_as_published() -> None:
    assert set(RECIPES) == {
        *("grpo", "dr_grpo", "dapo", "gspo", "icrl", "tocorl", "decision-sampling")
    }
    icrl = RECIPES["icrl"]
    assert [stage.demonstrations for stage in icrl.stages] == [3, 2, 0]
    assert (icrl.rewards, icrl.success_part) == ({"exact": 0.8, "format": 0.2}, "exact")
    assert (icrl.loss.beta, icrl.optimiser.learning_rate, icrl.prompts) == (0.001, 1e-6, 64)
    assert RECIPES["tocorl"].loss.trains == {Kind.SAMPLED, Kind.FORCED}
    assert GRPO.loss.trains == {Kind.SAMPLED}
    assert (RECIPES["gspo"].loss.ratio, RECIPES["gspo"].loss.clip_low) == ("sequence", 3e-4)
    assert RECIPES["dapo"].loss.clip_high == 0.28
    with pytest.raises(FrozenInstanceError):
        GRPO.group = 2  # type: ignore[misc]


def test_every_row_comes_back_from_plain_values() -> None:
    for row in RECIPES.values():
        assert recipe_from(as_plain(row)) == row


def test_settings_change_a_row() -> None:
    changed = load_recipe(
        "grpo",
        RECIPES,
        [
            "loss.beta=0.01",
            "group=4",
            "rewards={f1 = 2.0}",
            "stages=[{demonstrations = 1, steps = 3}, {}]",
        ],
    )
    assert (changed.loss.beta, changed.group, changed.rewards) == (0.01, 4, {"f1": 2.0})
    assert changed.stages == (Stage(1, steps=3), Stage())
    assert changed.loss.clip_low == GRPO.loss.clip_low
    assert load_recipe("tocorl", RECIPES, ["loss.forced=shaped"]).loss.forced == "shaped"


def test_a_file_changes_a_row(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('base = "tocorl"\nsteps = 7\n[prefixes]\ntexts = ["Answer:"]\nshare = 0.5\n')
    mine = load_recipe(str(file), RECIPES)
    assert (mine.name, mine.steps, mine.prefixes.texts) == ("mine", 7, ("Answer:",))
    assert mine.loss.forced == "as-sampled"
    file.write_text("steps = [")
    with pytest.raises(ConfigError, match="is not TOML"):
        load_recipe(str(file), RECIPES)
    for name in ("no.toml", "no.json"):
        with pytest.raises(ConfigError, match="cannot read the recipe"):
            load_recipe(str(tmp_path / name), RECIPES)


def test_a_recipe_that_a_training_wrote_is_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "recipe.json"
    file.write_text(json.dumps(as_plain(RECIPES["icrl"])))
    assert load_recipe(str(file), RECIPES) == RECIPES["icrl"]
    assert load_recipe(str(file), RECIPES, ["steps=5"]).steps == 5
    for text, words in (("[]", "is no JSON object"), ("{", "is not JSON")):
        file.write_text(text)
        with pytest.raises(ConfigError, match=words):
            load_recipe(str(file), RECIPES)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("grup=4", "recipe: grup: Unexpected keyword argument"),
        ("loss.gamma=1", "loss.gamma"),
        ("loss.forced=always", "loss.forced: Input should be 'none', 'as-sampled'"),
        ("group=1", "group is 1; rewards are compared within a group"),
        ("group=many", "recipe: group"),
        ("steps=0", "steps is 0; it must be at least 1"),
        ("sampling.temperature=0", "sampling.temperature must be above 0"),
        ("rewards={}", "it weighs no reward"),
        ("success=f1", "success is 'f1', which is no part"),
        ("stages=[]", "it has no stage"),
        ("stages=[{demonstrations = 2}, {}]", "every stage but the last needs steps or success"),
        ("credit=value", "needs loss.scale = 'none'"),
        ("optimiser.warmup=1.5", "optimiser.warmup is a share"),
        ("loss.beta=-1", "loss.beta must be at least 0"),
        ("redraw=-1", "redraw and attribution"),
        ("beta", "write a setting as KEY=VALUE"),
    ],
)
def test_what_cannot_work_is_named(change: str, words: str) -> None:
    with pytest.raises(ConfigError) as told:
        load_recipe("grpo", RECIPES, [change])
    assert words in str(told.value)
    assert "\n" not in str(told.value)


def test_an_unknown_recipe_names_the_known() -> None:
    with pytest.raises(ConfigError, match="no recipe 'ppo'; known: dapo, decision-sampling"):
        load_recipe("ppo", RECIPES)


def test_one_rollout_of_a_group_stays_free() -> None:
    prefixed = replace(GRPO, prefixes=Prefixes(("x",), share=0.95))
    with pytest.raises(ConfigError, match="leaves no free rollout in a group of 8"):
        check_recipe(prefixed)
    check_recipe(replace(prefixed, prefixes=Prefixes(("x",), share=0.875)))
    assert members_prefixed(8, 0.25) == 2
    assert members_prefixed(8, 0.0) == 0


def _staged(*stages: Stage, **prefixes: Any) -> Recipe:
    return replace(GRPO, stages=stages, prefixes=Prefixes(("x",), **prefixes))


def test_stages_change_by_steps() -> None:
    course = Course(_staged(Stage(3, steps=2), Stage(2, steps=1), Stage(0)))
    seen = []
    for _ in range(5):
        seen.append(course.stage.demonstrations)
        course.advance(0.0)
    assert seen == [3, 3, 2, 0, 0]
    assert (course.number, course.updates) == (2, 5)


def test_stages_change_by_success_over_a_full_window() -> None:
    course = Course(_staged(Stage(3, success=0.5, window=3), Stage(0)))
    assert not any(course.advance(value) for value in (1.0, 1.0, 0.0 - 1.0))
    assert not course.advance(1.0)  # the last three: 1, -1, 1
    assert course.advance(1.5)
    assert course.number == 1
    assert not course.advance(9.0)  # the last stage never ends


def test_the_share_of_prefixed_rollouts_falls_or_ends() -> None:
    falling = Course(_staged(Stage(), share=0.5, until=4))
    shares = []
    for _ in range(6):
        shares.append(falling.share)
        falling.advance(0.0)
    assert shares == pytest.approx([0.5, 0.375, 0.25, 0.125, 0.0, 0.0])
    ending = Course(_staged(Stage(), share=0.5, enough=0.8))
    assert ending.share == 0.5
    ending.advance(0.9)
    assert ending.share == 0.0
    ending.advance(0.1)
    assert ending.share == 0.5
    assert Course(GRPO).share == 0.0


def test_a_course_goes_on_from_its_file(tmp_path: Path) -> None:
    recipe = _staged(Stage(3, steps=3), Stage(1, success=0.5, window=2), Stage(0))
    whole, first = Course(recipe), Course(recipe)
    for success in (0.1, 0.2, 0.3, 0.9):
        whole.advance(success)
        first.advance(success)
    first.save(tmp_path)
    second = Course(recipe)
    second.load(tmp_path)
    assert (second.number, second.updates, second.share) == (1, 4, whole.share)
    assert second.advance(0.4)
    assert whole.advance(0.4)
    with pytest.raises(DataError, match="does not say where the stages stand"):
        Course(recipe).load(tmp_path / "nowhere")
    (tmp_path / "stage.json").write_text('{"number": 9}')
    with pytest.raises(DataError, match=r"stage\.json"):
        Course(recipe).load(tmp_path)


def test_loss_rows_name_what_trains() -> None:
    assert Loss(forced="importance").trains == {Kind.SAMPLED, Kind.FORCED}
