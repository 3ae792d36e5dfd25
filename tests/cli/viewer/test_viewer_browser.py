import importlib.util
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from viewer_runs import CHROMIUM, HOSTILE, guided, hostile, plain, trace

from forethought.agent.trace import TraceWriter, write_traces
from forethought.agent.types import Trace
from forethought.cli.viewer.gather import Found
from forethought.cli.viewer.live import Live
from forethought.cli.viewer.packing import Packed, pack
from forethought.cli.viewer.page import page
from forethought.cli.viewer.tail import Tail

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here"),
    pytest.mark.skipif(importlib.util.find_spec("playwright") is None, reason="no Playwright here"),
]
BENCH: dict[str, Any] = {
    "env": "bargaining-v0",
    "arms": {
        "refine": {"mean": 0.6, "ci95": [0.5, 0.7], "n": 20, "calls": 6.0, "success": 0.6},
        "react": {"mean": 0.4, "ci95": [0.3, 0.5], "n": 20, "calls": 2.0, "success": 0.4},
    },
    "paired": {
        "refine vs react": {"diff": 0.2, "ci95": [0.1, 0.3]},
        "react vs refine": {"diff": -0.2, "ci95": [-0.3, -0.1]},
    },
    "warnings": ["few episodes"],
}
HEAD: dict[str, Any] = {
    "curve": [[25, 0.6], [50, 0.5], [75, 0.52]],
    "best_update": 50,
    "held_out": {"auc": 0.8, "episodes": 40},
    "data": {"outcomes": {"We agree.": [30, 40]}},
}
EVALUATION: dict[str, Any] = {
    "goal": "We agree.",
    "episodes": 40,
    "reliability": [[0.2, 0.1, 20], [0.8, 0.9, 20]],
    "by_share": [{"name": "50 %", "auc": {"value": 0.7, "low": 0.6, "high": 0.8}}],
    "ranking": [{"share": 0.5, "concordance": None}],
}
POLICY: dict[str, Any] = {
    "recipe": {"name": "tocorl"},
    "series": {
        "free/success": [[1, 0.25], [2, 0.5]],
        "gradient/kl/sample": [[1, 0.1], [2, 0.2]],
        "reward": [[1, 0.5]],
    },
    "rollouts": [
        {
            "update": 4,
            "task": "t",
            "prefix": "a",
            "finish": "stop",
            "rewards": {"exact": 1.0},
            "prompt": "2+2?",
            "tokens": [["a", "forced", "sample", 0], ["b", "sampled", "decision", 1]],
        }
    ],
}


Open = Callable[..., Any]


@pytest.fixture
def view(tab: Any, tmp_path: Path) -> Open:
    def call(traces: Sequence[Trace], **more: Any) -> Any:
        path = tmp_path / "view.html"
        path.write_text(page(pack(traces), title="runs/one", more=Found(**more).more()))
        tab.goto(path.as_uri())
        tab.wait_for_selector("body[data-ready]")
        return tab

    return call


def cells(tab: Any, column: int = 0) -> list[str]:
    found: list[str] = tab.eval_on_selector_all(
        ".row", f"rows => rows.map(row => row.children[{column}].textContent)"
    )
    return found


def some() -> list[Trace]:
    return [
        trace("a/refine", "refine"),
        trace(
            "a/react",
            "react",
            reward=0.25,
            decisions=(plain("I begin.", "begin"), plain("I stop.", "stop")),
        ),
        trace("b/react", "react", seed=8, reward=0.0, reason="error: gone"),
    ]


def test_episodes_are_filtered_and_sorted(view: Open) -> None:
    tab = view(some())
    assert cells(tab) == ["refine", "react", "react"]
    assert "3 episodes of 3 · mean reward 0.333 · success 33 %" in tab.text_content("#total")
    tab.select_option("text=Arm >> select", "react")
    assert cells(tab) == ["react", "react"]
    tab.select_option("text=Outcome >> select", "stopped")
    assert len(cells(tab)) == 1
    tab.select_option("text=Outcome >> select", "")
    tab.select_option("text=Arm >> select", "")
    tab.check("text=guidance changed the choice")
    assert cells(tab) == ["refine", "react"][: len(cells(tab))]
    tab.uncheck("text=guidance changed the choice")
    tab.click("[role=columnheader] >> text=reward")
    assert cells(tab)[0] == "refine"
    assert tab.get_attribute("[role=columnheader]:has-text('reward')", "aria-sort") == "descending"
    tab.click("[role=columnheader] >> text=reward")
    assert cells(tab)[-1] == "refine"
    tab.keyboard.press("/")
    tab.keyboard.type("B/rea")
    assert len(cells(tab)) == 1
    tab.fill("#find", "nobody")
    assert "No episode is like this." in tab.text_content(".rows")


def test_an_episode_is_read_with_the_keys(view: Open) -> None:
    tab = view(some())
    tab.keyboard.press("Enter")
    tab.wait_for_selector(".timeline")
    assert "Step 1 of 3" in tab.text_content("#panel")
    tab.keyboard.press("ArrowRight")
    panel = tab.text_content("#panel")
    for said in (
        "Turn 1.",
        "State 1.",
        "I ask for more.",
        "changed by guidance",
        "We agree.: 71 %",
        "First thought: I agree.",
        "the best 2 of 5 are on record",
        "prefix",
        "1,200",
        "2.5 s",
        "$0.0020",
    ):
        assert said in panel, said
    tab.keyboard.press("End")
    panel = tab.text_content("#panel")
    for said in (
        "guidance was not used: no estimate is supported",
        "the world refused this action",
        "42",
        "stop",
        "right",
        "wrong",
        "I wait.",
        "Do not hurry.",
    ):
        assert said in panel, said
    tab.keyboard.press("ArrowRight")
    assert "Step 3 of 3" in tab.text_content("#panel")
    tab.keyboard.press("n")
    tab.wait_for_selector("text=a/react")
    assert "failure, reward 0.250" in tab.text_content(".verdict")
    tab.keyboard.press("Escape")
    tab.wait_for_selector(".rows")
    assert tab.get_attribute(".row.at", "aria-selected") == "true"


def test_goals_are_bars_with_intervals_marks_and_hindsight(view: Open) -> None:
    tab = view([trace(decisions=(guided(),))])
    tab.keyboard.press("Enter")
    tab.wait_for_selector(".goals")
    labels = tab.eval_on_selector_all(
        ".chance", "all => all.map(each => each.getAttribute('aria-label'))"
    )
    assert labels[0] == "chosen: 71 %, 90 % interval 60 % to 80 %"
    assert labels[2] == "chosen: 20 %, 90 % interval 10 % to 40 %, not supported by the data"
    assert tab.locator(".chance .unsupported").count() == 1
    rows = tab.locator(".goals tbody tr").all_text_contents()
    assert "✓ came true" in rows[0]
    assert "unsupported✗ did not" in rows[1]
    wide = tab.eval_on_selector(
        ".chance rect.hoped",
        """bar => {
          const wide = (each) => each.getBoundingClientRect().width;
          return wide(bar) / wide(bar.ownerSVGElement);
        }""",
    )
    assert wide == pytest.approx(0.712, abs=0.01)


def test_two_arms_on_one_seed_stand_side_by_side(view: Open) -> None:
    tab = view(some())
    tab.keyboard.press("Enter")
    tab.wait_for_selector(".timeline")
    tab.keyboard.press("c")
    tab.wait_for_selector(".strip")
    assert "They part at step 2." in tab.text_content("main")
    assert tab.get_attribute(".strip .parting", "title") == "the first decision where they part"
    assert "I ask for more." in tab.text_content("#panel")
    assert "I stop." in tab.text_content("#panel")
    tab.keyboard.press("End")
    assert "It had ended." in tab.text_content("#panel")
    address = tab.url
    tab.reload()
    tab.wait_for_selector(".strip")
    assert tab.url == address
    tab.keyboard.press("Escape")
    tab.wait_for_selector(".timeline")


def test_text_from_outside_is_shown_as_text(view: Open) -> None:
    tab = view(
        [hostile(), trace()],
        benches={HOSTILE: {"arms": {HOSTILE: BENCH["arms"]["react"]}}},
        heads={HOSTILE: HEAD},
        evaluations={HOSTILE: {**EVALUATION, "goal": HOSTILE}},
        policies={
            HOSTILE: {
                "recipe": {"name": HOSTILE},
                "series": {HOSTILE: [[1, 0.0], [2, 1.0]]},
                "rollouts": [
                    {
                        **POLICY["rollouts"][0],
                        "prompt": HOSTILE,
                        "tokens": [[HOSTILE, "given", "tool", 0]],
                    }
                ],
            }
        },
    )
    assert cells(tab)[0] == HOSTILE
    tab.keyboard.press("Enter")
    tab.wait_for_selector(".timeline")
    assert tab.text_content(".thought") == HOSTILE
    assert tab.text_content("pre.said >> nth=0") == HOSTILE
    for place in ("bench", "heads", "evaluations", "policies"):
        tab.evaluate(f"location.hash = '#/{place}'")
        tab.wait_for_selector(f"nav a[aria-current][href='#/{place}']")
        assert HOSTILE in tab.text_content("main")
    assert tab.evaluate("window.hit") is None
    assert tab.locator("img").count() == 0


def test_only_what_is_in_sight_is_drawn_and_every_row_can_be_reached(view: Open) -> None:
    tab = view(
        [trace(f"e{number}", seed=number, decisions=(plain("t", "x"),)) for number in range(3000)]
    )
    assert tab.get_attribute(".rows", "aria-rowcount") == "3001"
    assert len(cells(tab)) < 80
    tab.keyboard.press("End")
    tab.wait_for_selector("#row-2999.at")
    inside = tab.evaluate(
        """(() => {
          const [a, b] = [".rows", "#row-2999"].map(
            (each) => document.querySelector(each).getBoundingClientRect());
          return b.bottom <= a.bottom + 1 && b.top >= a.top;
        })()"""
    )
    assert inside
    assert len(cells(tab)) < 80
    tab.keyboard.press("Enter")
    tab.wait_for_selector("text=e2999")


def test_comparisons_heads_and_evaluations_are_drawn(view: Open) -> None:
    tab = view(
        [], benches={"runs/b": BENCH}, heads={"runs/h": HEAD}, evaluations={"runs/e": EVALUATION}
    )
    tab.wait_for_selector("text=Paired differences")
    assert tab.locator("g.up").count() == 1  # each pair once
    assert tab.locator("g.down").count() == 0
    assert "0.600 [0.500, 0.700]" in tab.text_content("main")
    assert "few episodes" in tab.text_content("main")
    tab.click("nav >> text=Heads")
    tab.wait_for_selector("text=Learning curve")
    assert tab.get_attribute("svg >> nth=0", "aria-label") == "held-out loss by update"
    assert "0.750 [" in tab.text_content("main")
    tab.click("nav >> text=Evaluations")
    tab.wait_for_selector("text=Reliability")
    assert "20 % said, 10 % came true" in tab.get_attribute("svg >> nth=0", "aria-label")


def test_trainings_are_drawn_and_their_tokens_coloured(view: Open) -> None:
    tab = view([], policies={"runs/p": POLICY})
    tab.wait_for_selector("figure")
    names = tab.locator("figcaption").all_text_contents()
    assert names == [
        "free/success 0.250 → 0.500",
        "reward 0.500 → 0.500",
        "gradient/kl/sample 0.100 → 0.200",
    ]
    assert tab.locator("figure svg").count() == 2  # one point makes no line
    assert tab.text_content("pre.tokens") == "2+2?ab"
    assert tab.get_attribute("pre.tokens span >> nth=1", "class") == "forced"
    assert tab.get_attribute("pre.tokens span >> nth=2", "class") == "sampled decision trains"
    assert "t, prefix a, ended by stop, exact 1.000" in tab.text_content("main")


def test_addresses_that_lead_nowhere_and_keys_are_told(view: Open) -> None:
    tab = view(some())
    tab.evaluate("location.hash = '#/episode/none/0'")
    tab.wait_for_selector("text=There is no episode none here.")
    tab.click("text=All episodes")
    tab.wait_for_selector(".rows")
    tab.keyboard.press("?")
    assert tab.is_visible("dialog >> text=next, previous episode")
    tab.keyboard.press("Escape")
    assert not tab.is_visible("dialog")


def test_every_control_has_a_name_and_the_page_a_title_and_landmarks(view: Open) -> None:
    tab = view(some())
    assert tab.title() == "runs/one"
    unnamed = tab.evaluate(
        """[...document.querySelectorAll("button, input, select, a, [role=grid], dialog")].filter(
          (each) => !(each.textContent.trim() || each.getAttribute("aria-label") ||
            each.getAttribute("aria-labelledby") || each.closest("label"))).length"""
    )
    assert unnamed == 0
    assert (
        tab.locator("main").count() == tab.locator("nav").count() == tab.locator("h1").count() == 1
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_can_be_read_in_light_and_dark(view: Open, tab: Any, scheme: str) -> None:
    tab.emulate_media(color_scheme=scheme)
    tab = view(some())
    ratios = tab.evaluate(
        """() => {
          const light = (colour) => {
            const part = (v) => (v <= 10.3 ? v / 3294.6 : ((v / 255 + 0.055) / 1.055) ** 2.4);
            const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map(part);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
          };
          const back = light(getComputedStyle(document.body).backgroundColor);
          return ["body", ".soft", ".success", ".failure", "nav a"].map((name) => {
            const ink = light(getComputedStyle(document.querySelector(name)).color);
            return (Math.max(ink, back) + 0.05) / (Math.min(ink, back) + 0.05);
          });
        }"""
    )
    assert min(ratios) >= 4.5


def test_a_run_is_followed_while_it_goes_on(tab: Any, tmp_path: Path) -> None:
    file = tmp_path / "traces.jsonl"
    write_traces(file, [trace("a/refine", "refine")])

    def draw(packed: Packed, change: int) -> str:
        return page(packed, title="live", more=Found().more(), live=change)

    live = Live(Tail([file]), draw)
    thread = threading.Thread(target=live.run)
    thread.start()
    try:
        tab.route("**/favicon.ico", _empty)
        tab.goto(live.url)
        tab.wait_for_selector("body[data-ready]")
        assert cells(tab) == ["refine"]
        with TraceWriter(file) as writer:
            writer.write(trace("a/react", "react", reward=0.25))
        tab.wait_for_selector(".row >> nth=1")
        assert cells(tab) == ["refine", "react"]
        tab.click(".row >> nth=1")
        tab.wait_for_selector(".timeline")
        assert "failure, reward 0.250" in tab.text_content(".verdict")
        tab.goto("about:blank")
    finally:
        live.stop()
        thread.join(10)


def _empty(route: Any) -> None:
    route.fulfill(status=204)
