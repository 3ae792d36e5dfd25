import json
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from html.parser import HTMLParser
from io import StringIO
from itertools import pairwise
from pathlib import Path

import pytest
from rich.console import Console

from forethought.agent.errors import ConfigError
from forethought.envs.plots import forest, scatter
from forethought.envs.published import Figure
from forethought.envs.report import html_page, save, terminal
from forethought.envs.scores import (
    ArmRow,
    BenchReport,
    FactRow,
    OpponentRow,
    PairRow,
    SeedRow,
)

SVG = re.compile(r"<svg.*?</svg>", re.DOTALL)


def _arm(mean: float, supported: float | None = None) -> ArmRow:
    return ArmRow(mean, (mean - 0.05, mean + 0.05), 40, 0.5, supported, 0.0125, 3.0, 812.4, 0.25)


REPORT = BenchReport(
    env="bargaining-v0",
    seed=1,
    episodes=40,
    arms={"heuristic": _arm(0.7), "rank": _arm(0.8, 0.9)},
    paired={
        "heuristic vs rank": PairRow(-0.1, (-0.15, -0.05)),
        "rank vs heuristic": PairRow(0.1, (0.05, 0.15)),
    },
    effects={"heuristic vs rank": -0.6, "rank vs heuristic": 0.6},
    by_opponent={
        "linear": {"rank": OpponentRow(0.8, (0.7, 0.9), 20, 0.5)},
        "tit-for-tat": {"rank": OpponentRow(0.75, None, 1, 1.0)},
    },
    unseen=("tit-for-tat",),
    warnings=("40 episodes say little",),
    success="more than half",
    unguided="a random offer",
)


class _Tags(HTMLParser):
    """Fails on tags that are not closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def _text(report: BenchReport) -> str:
    console = Console(file=StringIO(), width=140)
    console.print(terminal(report))
    file = console.file
    assert isinstance(file, StringIO)
    return file.getvalue()


def test_the_terminal_shows_every_figure() -> None:
    text = _text(REPORT)
    assert "0.800 [0.750, 0.850]" in text
    assert "rank vs heuristic" in text
    assert "0.100 [0.050, 0.150]" in text
    assert "heuristic vs rank" not in text  # the same figure once
    assert "tit-for-tat (not met in training)" in text
    assert "note: 40 episodes say little" in text
    assert "90%" in text
    assert "1.2%" in text
    assert "250 ms" in text


def test_episodes_that_are_in_no_mean_are_counted() -> None:
    row = OpponentRow(0.5, (0.4, 0.6), 40, 0.5)
    apart = {"linear": {"rank": row}, "micro": {"rank": replace(row, n=20)}}
    told = replace(REPORT, episodes=40, by_opponent=apart)
    assert "40 episodes per arm; 20 more against opponents not met in training" in _text(told)
    assert "more against" not in _text(replace(told, by_opponent={"linear": {"rank": row}}))


def test_one_arm_alone_has_no_pairs() -> None:
    alone = replace(
        REPORT, arms={"rank": _arm(0.8)}, paired={}, effects={}, by_opponent={}, warnings=()
    )
    assert "paired" not in _text(alone)
    assert "Paired" not in html_page(alone)


def test_brackets_in_names_are_not_markup() -> None:
    odd = replace(REPORT, arms={"rank@[bold]x[/bold]": _arm(0.1)}, paired={}, effects={})
    assert "[bold]x[/bold]" in _text(odd).replace("\n", "")


def test_the_page_is_whole_and_needs_nothing_else() -> None:
    page = html_page(REPORT)
    tags = _Tags()
    tags.feed(page)
    assert tags.open == []
    assert not tags.seen & {"script", "link", "img", "iframe"}
    assert "http" not in page
    assert "prefers-color-scheme: dark" in page
    assert len(SVG.findall(page)) == 3
    assert "tit-for-tat (not met in training)" in page


def test_text_from_outside_is_escaped() -> None:
    evil = "<script>alert(1)</script>\"'&"
    page = html_page(
        replace(
            REPORT,
            env=evil,
            arms={evil: _arm(0.5), "b": _arm(0.6)},
            paired={f"b vs {evil}": PairRow(0.1, (0.0, 0.2))},
            effects={f"b vs {evil}": 0.1},
            by_opponent={evil: {}, "x": {}},
            warnings=(evil,),
            success=evil,
        )
    )
    assert "<script" not in page
    for svg in SVG.findall(page):
        ElementTree.fromstring(svg)


def test_both_files_are_saved_whole(tmp_path: Path) -> None:
    paths = save(REPORT, tmp_path / "new" / "run")
    assert [path.name for path in paths] == ["bench.json", "bench.html"]
    assert json.loads(paths[0].read_text())["paired"]["rank vs heuristic"]["diff"] == 0.1
    assert paths[1].read_text() == html_page(REPORT)
    assert sorted(path.name for path in paths[0].parent.iterdir()) == ["bench.html", "bench.json"]


def test_a_folder_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot write"):
        save(REPORT, tmp_path / "file")


def _circles(svg: str) -> list[tuple[float, str]]:
    root = ElementTree.fromstring(svg.removeprefix('<div class="wide">').removesuffix("</div>"))
    return [(float(c.attrib["cx"]), c.attrib["class"]) for c in root.iter("circle")]


def test_the_plot_is_to_scale() -> None:
    marks = _circles(forest([("a", 1.0, 0.5, 1.5), ("b", 2.0, 1.5, 2.5), ("c", 4.0, 3.5, 4.5)]))
    (a, _), (b, _), (c, _) = marks
    assert c - b == pytest.approx(2 * (b - a), abs=0.3)


def test_colours_say_on_which_side_of_zero_an_interval_lies() -> None:
    bars = [("up", 1.0, 0.5, 1.5), ("down", -1.0, -1.5, -0.5), ("flat", 0.1, -0.5, 0.7)]
    assert [side for _, side in _circles(forest(bars, zero=True))] == ["up", "down", "flat"]
    assert {side for _, side in _circles(forest(bars))} == {"flat"}


@pytest.mark.parametrize(
    "bar",
    [
        ("zero", 0.0, 0.0, 0.0),
        ("one", 1.0, 1.0, 1.0),
        ("tiny", 1e-9, 0.0, 2e-9),
        ("large", 1e7, -1e7, 2e7),
        ("a name that is much too long for the column it stands in", 0.5, 0.4, 0.6),
    ],
)
def test_plots_of_odd_ranges_stay_inside(bar: tuple[str, float, float, float]) -> None:
    svg = forest([bar], zero=True)
    root = ElementTree.fromstring(svg.removeprefix('<div class="wide">').removesuffix("</div>"))
    for line in root.iter("line"):
        assert 210 <= float(line.attrib["x1"]) <= 610
        assert 210 <= float(line.attrib["x2"]) <= 610
    assert all(len(text.text or "") <= 40 for text in root.iter("text"))
    assert 2 <= sum(line.attrib["class"] == "grid" for line in root.iter("line")) <= 10


FULL = replace(
    REPORT,
    seeds=(1, 2),
    arms={
        "heuristic": _arm(0.7),
        "rank": replace(
            _arm(0.8, 0.9),
            dollars=0.0123,
            weighed=21.5,
            facts={"joint_surplus": FactRow(0.91, (0.88, 0.94), 40)},
        ),
    },
    by_seed={
        seed: SeedRow(
            20,
            {
                "heuristic": OpponentRow(0.71, (0.6, 0.8), 20, 0.5),
                "rank": OpponentRow(mean, None, 20, 0.5),
            },
            {"rank vs heuristic": PairRow(0.1, (0.0, 0.2))},
        )
        for seed, mean in (("1", 0.812), ("2", 0.788))
    },
    by_seat={seat: {"rank": OpponentRow(0.8, None, 20, 0.5)} for seat in "01"},
    candidates="all arms chose among the candidates that the world lists",
    published=(
        Figure("people", "success", 0.596, "arXiv 1234.56789", "other goals"),
        Figure("rules", "success", 0.096, "arXiv 1234.56789", "other goals"),
    ),
)


def test_the_tables_show_seeds_seats_facts_dollars_and_published_figures() -> None:
    for shown in (_text(FULL), html_page(FULL)):
        for words in (
            "0.812",
            "pooled",
            "reward by seat",
            "joint_surplus",
            "0.910 [0.880, 0.940]",
            "0.0123",
            "21.5",
            "measured here",
            "0.596",
            "a: other goals (arXiv 1234.56789)",
            "ll arms chose among the candidates",
        ):
            assert words in shown
    assert "dollars" not in _text(REPORT)
    assert "measured here" not in _text(REPORT)
    assert "seeds 1, 2" in html_page(FULL)


def test_measured_and_published_figures_never_share_a_column() -> None:
    rows = [line for line in _text(FULL).splitlines() if "success" in line and "│" in line]
    cells = {c[1].strip(): c[2:5] for row in rows if len(c := row.split("│")) == 7}
    assert [cell.strip() for cell in cells["rank"]] == ["success", "0.500", ""]
    assert [cell.strip() for cell in cells["people"]] == ["success", "", "0.596"]


def _places(svg: str) -> list[tuple[float, float]]:
    root = ElementTree.fromstring(svg.removeprefix('<div class="wide">').removesuffix("</div>"))
    return [(float(c.attrib["cx"]), float(c.attrib["cy"])) for c in root.iter("circle")]


def test_results_are_drawn_against_calls_to_scale() -> None:
    svg = scatter(
        [("a", 0.0, 0.2, 0.1, 0.3), ("b", 5.0, 0.4, 0.3, 0.5), ("c", 20.0, 0.8, 0.7, 0.9)],
        "calls",
        "reward",
    )
    (ax, ay), (bx, by), (cx, cy) = _places(svg)
    assert (cx - ax) == pytest.approx(4 * (bx - ax), abs=0.5)
    assert (ay - cy) == pytest.approx(3 * (ay - by), abs=0.5)
    assert "model calls" in html_page(REPORT)
    silent = {name: replace(row, calls=0.0) for name, row in REPORT.arms.items()}
    assert "model calls" not in html_page(replace(REPORT, arms=silent))


def test_labels_of_near_points_do_not_overlap() -> None:
    points = [(f"arm {i}", 3.0, 0.5 + i / 1000, 0.4, 0.6) for i in range(30)]
    svg = scatter(points, "calls", "reward")
    root = ElementTree.fromstring(svg.removeprefix('<div class="wide">').removesuffix("</div>"))
    heights = sorted(
        float(t.attrib["y"]) for t in root.iter("text") if (t.text or "").startswith("arm ")
    )
    assert all(b - a >= 14 for a, b in pairwise(heights))
    assert heights[0] > 0
    assert heights[-1] <= float(root.attrib["height"])


def test_text_of_the_new_parts_is_escaped_too() -> None:
    evil = "<script>alert(1)</script>"
    page = html_page(
        replace(
            FULL,
            candidates=evil,
            published=(Figure(evil, "success", 0.5, evil, evil),),
            arms={
                "heuristic": _arm(0.7),
                "rank": replace(_arm(0.8), facts={evil: FactRow(1.0, None, 1)}),
            },
        )
    )
    assert "<script" not in page
    tags = _Tags()
    tags.feed(page)
    assert tags.open == []
