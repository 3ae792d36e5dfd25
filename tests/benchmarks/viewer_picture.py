"""A picture of the viewer. `python tests/benchmarks/viewer_picture.py PAGE ID STEP PICTURE`.

PAGE is what `forethought view` wrote, ID an episode of it and STEP one of its decisions, from 0;
PICTURE is the PNG file to write. Needs Chromium and `pip install playwright`.
"""

import argparse
import shutil
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import sync_playwright


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("page", type=Path)
    parser.add_argument("id")
    parser.add_argument("step", type=int)
    parser.add_argument("picture", type=Path)
    given = parser.parse_args()
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        tab = browser.new_page(viewport={"width": 1180, "height": 1060})
        where = f"#/episode/{quote(given.id, safe='')}/{given.step}"
        tab.goto(given.page.resolve().as_uri() + where)
        tab.wait_for_selector(".timeline")
        tab.screenshot(path=given.picture)
        browser.close()


if __name__ == "__main__":
    main()
