import base64
import gzip
import hashlib
import html
import json
import re
from pathlib import Path
from typing import Any

import pytest
from viewer_runs import HOSTILE, episode, guided, hostile, trace

from forethought.agent.errors import ConfigError, DataError
from forethought.agent.trace import TraceWriter, write_traces
from forethought.agent.types import Trace
from forethought.cli.viewer import packing
from forethought.cli.viewer.gather import gather
from forethought.cli.viewer.packing import pack
from forethought.cli.viewer.page import page
from forethought.cli.viewer.rows import COLUMNS, changed, record_of, row_of

Run = Any


def unpacked(text: str) -> Any:
    return json.loads(gzip.decompress(base64.b64decode(text)))


def held(text: str, name: str) -> Any:
    found = re.search(rf'<script type="application/gzip;base64" id="{name}">(.*?)</script>', text)
    assert found is not None
    return unpacked(found[1])


def line(one: Trace) -> dict[str, Any]:
    return dict(zip(COLUMNS, row_of(one), strict=True))


def test_a_line_says_what_an_episode_came_to() -> None:
    row = line(trace())
    assert (row["id"], row["arm"], row["steps"], row["reward"]) == ("one", "refine", 3, 0.75)
    assert (row["calls"], row["tokens"], row["seconds"], row["dollars"]) == (2, 2200, 4.0, 0.002)
    assert (row["changed"], row["fallbacks"], row["invalid"]) == (1, 1, 1)
    assert row["supported"] == 0.75


def test_an_episode_that_goes_on_has_no_end_and_one_without_a_critic_no_support() -> None:
    row = line(Trace(episode("open", "react")))
    assert (row["reward"], row["success"], row["reason"]) == (None, None, "")
    assert row["supported"] is None


def test_arms_on_the_same_seed_share_a_situation_and_others_do_not() -> None:
    one, two, other = (line(trace(arm, arm, seed=s)) for arm, s in (("a", 7), ("b", 7), ("c", 8)))
    assert one["situation"] == two["situation"] != other["situation"]


def test_guidance_changed_a_choice_only_where_another_thought_came_first() -> None:
    assert changed(guided())
    assert not changed(guided("I agree.", first="I agree."))
    assert not changed(guided(first=""))


def test_a_record_is_the_trace_with_chances_that_a_screen_can_show() -> None:
    record = record_of(trace())
    estimates = record["steps"][1]["decision"]["considered"][0]["estimates"]
    assert estimates == [
        {"chance": 0.712, "low": 0.6, "high": 0.8},
        {"chance": 0.2, "low": 0.1, "high": 0.4, "supported": False},
    ]
    assert record["outcome"]["facts"] == {"points": 7}


def test_records_are_found_where_the_index_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "_PIECE", 4000)
    traces = [trace(f"e{number}", seed=number) for number in range(7)]
    packed = pack(traces)
    assert 1 < len(packed.pieces) < 7
    index = packed.index()
    for number, name in enumerate(index["id"]):
        records = unpacked(packed.pieces[index["piece"][number]])
        assert records[index["place"][number]]["episode"]["id"] == name


def test_an_id_that_comes_again_replaces_what_there_was() -> None:
    index = pack([trace("a"), trace("b"), trace("a", reward=0.25)]).index()
    assert (index["id"], index["reward"]) == (["b", "a"], [0.75, 0.25])


def test_equal_episodes_make_equal_pages_and_none_make_one_too() -> None:
    one, two = (page(pack([trace()]), title="t", more={}) for _ in range(2))
    assert one == two
    assert held(page(pack([]), title="t", more={}), "index")["id"] == []


def test_no_text_of_an_episode_stands_in_the_page_as_it_is() -> None:
    text = page(pack([hostile()]), title=HOSTILE, more={"benches": {HOSTILE: {}}})
    assert HOSTILE not in text
    assert f"<h1>{html.escape(HOSTILE)}</h1>" in text
    assert held(text, "piece-0")[0]["steps"][0]["observation"] == HOSTILE
    assert held(text, "more") == {"benches": {HOSTILE: {}}}
    assert text.count("<img") == 0


def test_only_the_script_and_the_style_of_the_page_may_act_and_nothing_connects() -> None:
    text = page(pack([trace()]), title="t", more={})
    policy = html.unescape(re.findall(r'Security-Policy" content="([^"]*)"', text)[0])
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    for name, body in (("style", style), ("script", script)):
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "connect-src 'none'" in policy
    assert "unsafe" not in policy
    assert "connect-src 'self'" in html.unescape(page(pack([]), title="t", more={}, live=3))


def test_the_script_parses_no_markup() -> None:
    text = page(pack([]), title="t", more={})
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert way not in text


def test_folders_are_looked_through(tmp_path: Path) -> None:
    write_traces(tmp_path / "run" / "traces.jsonl", [trace()])
    for name, text in {
        "run/bench.json": '{"env": "w"}',
        "run/heads/a/metrics.json": '{"curve": []}',
        "run/heads/a/config.json": "{}",
        "run/heads/b/metrics.json": "{}",
        "run/judged/eval.json": "{}",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = gather([tmp_path / "run"])
    assert [each.episode.id for each in found.episodes()] == ["one"]
    assert found.count() == 1
    assert list(found.benches.values()) == [{"env": "w"}]
    assert [Path(each).name for each in found.heads] == ["a"]  # b is no head
    assert [Path(each).name for each in found.evaluations] == ["judged"]


@pytest.mark.parametrize(("name", "text"), [("bench.json", "{"), ("eval.json", "[]")])
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=name):
        gather([tmp_path])


def test_nothing_to_see_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing to view in .*: no traces\.jsonl"):
        gather([tmp_path])
    with pytest.raises(ConfigError, match="does not exist"):
        gather([tmp_path / "nowhere"])


def test_the_command_writes_a_page_beside_the_run(run: Run, tmp_path: Path) -> None:
    with TraceWriter(tmp_path / "traces.jsonl") as writer:
        writer.write(trace())
        writer.begin(episode("open", "react"))
    said = run("view", tmp_path, "--json")
    assert said.code == 0, said.err
    assert (said.json["page"], said.json["episodes"]) == (str(tmp_path / "view.html"), 2)
    index = held((tmp_path / "view.html").read_text(), "index")
    assert index["success"] == [True, None]
    said = run("view", tmp_path / "traces.jsonl", "--out", tmp_path / "deep" / "page.html")
    assert "page.html: 2 episodes, 0.1 MB" in " ".join(said.out.split())
    assert (tmp_path / "deep" / "page.html").is_file()
    assert not list(tmp_path.glob("**/*.part"))


def test_a_head_tells_the_logged_thoughts_behind_each_choice(
    run: Run, kept: Path, tmp_path: Path
) -> None:
    out = tmp_path / "page.html"
    run(
        "play",
        "signpost-v0",
        "--arm",
        "rank",
        "--critic",
        kept / "head",
        "--episodes",
        4,
        "--out",
        tmp_path,
    )
    said = run("view", tmp_path, "--head", kept / "head", "--out", out)
    assert said.code == 0, said.err
    record = held(out.read_text(), "piece-0")[0]
    why = record["explained"]["0"]
    assert {each["goal"] for each in [why]} <= {goal["text"] for goal in record["episode"]["goals"]}
    assert why["best"] == record["steps"][0]["decision"]["candidate"]["thought"]
    assert len(why["evidence"]) == len(why["contrast"]) == 3


def test_what_the_command_cannot_do_is_one_line(run: Run, tmp_path: Path) -> None:
    said = run("view", tmp_path)
    assert (said.code, said.err.count("\n")) == (2, 1)
    write_traces(tmp_path / "traces.jsonl", [trace()])
    said = run("view", tmp_path, "--head", tmp_path / "none")
    assert (said.code, "none" in said.err) == (2, True)
    (tmp_path / "file").write_text("")
    said = run("view", tmp_path, "--out", tmp_path / "file" / "page.html")
    assert (said.code, "cannot write" in said.err) == (2, True)


def training(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "recipe.json").write_text('{"name": "grpo"}')
    rows = [
        {"step": 1, "reward": 0.25, "loss": 0.1, "tokens/sampled": 1.0, "gradient/kl/sample": 0.5},
        {"step": 2, "reward": 0.5, "loss": 0.1, "tokens/sampled": 1.0, "gradient/kl/sample": 0.25},
        {"step": 2, "train_runtime": 3.0},
    ]
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_a_training_is_told_by_what_moved(tmp_path: Path) -> None:
    training(tmp_path / "deep" / "tuned")
    ((folder, told),) = gather([tmp_path]).policies.items()
    assert Path(folder).name == "tuned"
    assert told["series"] == {
        "reward": [[1, 0.25], [2, 0.5]],
        "gradient/kl/sample": [[1, 0.5], [2, 0.25]],
    }
    assert (told["recipe"], told["rollouts"]) == ({"name": "grpo"}, [])


def test_rollouts_are_put_into_words_token_by_token(tmp_path: Path) -> None:
    pytest.importorskip("trl", reason="fine-tuning is not installed: extra rl")
    from tuning import char_tokenizer

    from forethought.valuefn.rl.store import append_rollouts
    from forethought.valuefn.rl.tokens import Kind, Rollout, Span

    tuned = training(tmp_path / "tuned")
    tokenizer = char_tokenizer()
    ids = tuple(tokenizer("ab", add_special_tokens=False)["input_ids"])
    marks = (Kind.FORCED, Kind.SAMPLED), (Span.SAMPLE, Span.DECISION)
    one = Rollout("t", ids, ids, (0.0, -1.0), *marks, ("ab",), rewards={"exact": 1.0}, prefix="a")
    append_rollouts(tuned / "rollouts.jsonl", 1, [one], [(0, 1)])
    append_rollouts(tuned / "rollouts.jsonl", 5, [one], [(0, 1)])
    assert gather([tuned]).policies[str(tuned)]["rollouts"] == []  # no tokenizer yet
    tokenizer.save_pretrained(tuned)
    ((told,),) = (gather([tuned]).policies[str(tuned)]["rollouts"],)
    assert (told["update"], told["prompt"], told["rewards"]) == (5, "ab", {"exact": 1.0})
    assert told["tokens"] == [["a", "forced", "sample", 0], ["b", "sampled", "decision", 1]]


def test_a_training_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (training(tmp_path / "tuned") / "log.jsonl").write_text("{\n")
    with pytest.raises(DataError, match=r"the training in .*tuned cannot be read"):
        gather([tmp_path])
