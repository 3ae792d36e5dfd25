"""How long the viewer's page takes to open in Chromium, and how smoothly its table scrolls.

`python tests/benchmarks/viewer_opening.py TRACES [--episodes 10000] [--rounds 5]` packs the
episodes, writes the page to a folder of its own, and opens it from disk in a fresh browser context
each round. Opening is from navigation to the first rows drawn; scrolling is sixty wheel turns of
800 pixels, with the time between two frames. Needs Chromium and `pip install playwright`.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from forethought.agent.trace import stream_traces
from forethought.cli.viewer.packing import pack
from forethought.cli.viewer.page import page

FRAMES = """async () => {
  const rows = document.querySelector(".rows");
  const gaps = [];
  let last = performance.now();
  for (let turn = 0; turn < 60; turn++) {
    rows.scrollTop += 800;
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    gaps.push(now - last);
    last = now;
  }
  return gaps.sort((a, b) => a - b);
}"""


def opened(tab: Any, path: Path) -> float:
    """Seconds until the first rows are there."""
    begun = time.monotonic()
    tab.goto(path.as_uri(), wait_until="commit")
    tab.wait_for_selector(".row")
    return time.monotonic() - begun


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("traces", type=Path)
    parser.add_argument("--episodes", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    begun = time.monotonic()
    packed = pack(islice(stream_traces(given.traces), given.episodes))
    text = page(
        packed, title=str(given.traces), more={"benches": {}, "heads": {}, "evaluations": {}}
    )
    made = time.monotonic() - begun
    seconds, gaps = [], []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        path = Path(folder) / "view.html"
        path.write_text(text, encoding="utf-8")
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for _ in range(given.rounds):
            tab = browser.new_page(viewport={"width": 1300, "height": 800})
            seconds.append(opened(tab, path))
            gaps += tab.evaluate(FRAMES)
            tab.close()
        browser.close()
    gaps.sort()
    report = {
        "episodes": len(packed.rows),
        "megabytes": round(len(text) / 1e6, 1),
        "seconds_to_write": round(made, 1),
        "seconds_to_open": {
            "median": round(statistics.median(seconds), 2),
            "most": round(max(seconds), 2),
        },
        "ms_between_frames": {
            "median": round(statistics.median(gaps), 1),
            "95 %": round(gaps[int(0.95 * len(gaps))], 1),
        },
    }
    sys.stdout.write(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
