"""How long parsers of HTML take over pages that are made to hurt, beside the reading of ours.

    python tests/benchmarks/web_pages.py [--seconds 10]

Each reading has a process of its own, which is ended after the limit. Parsers that are not
installed are left out.
"""

import argparse
import subprocess
import sys
import time

PAGES = {
    "plain": '"<p>hello <b>x</b> &amp; y</p>" * 17_000',
    "nested": '"<div>" * 100_000',
    "attributes": '"<p " + " ".join(f"a{n}=1" for n in range(60_000)) + ">"',
    "comments": '"<!--" * 125_000',
    "links": '"".join(f"<a href=/{n}>x</a>" for n in range(25_000))',
}
"""Half a megabyte each, as Python."""
READERS = {
    "forethought": "from forethought.tools.web.reading import read_html as read",
    "selectolax": "from selectolax.lexbor import LexborHTMLParser as read",
    "lxml": "from lxml.html import document_fromstring as read",
    "html.parser": (
        "from html.parser import HTMLParser\n"
        "def read(page):\n    parser = HTMLParser()\n    parser.feed(page)\n    parser.close()"
    ),
}
_CHILD = """
{reader}
import time
page = {page}
begun = time.perf_counter()
read(page)
print(time.perf_counter() - begun)
"""


def measure(reader: str, page: str, limit: float) -> str:
    """Seconds of one reading, or what came of it."""
    begun = time.perf_counter()
    try:
        child = subprocess.run(
            [sys.executable, "-c", _CHILD.format(reader=reader, page=page)],
            capture_output=True,
            text=True,
            timeout=limit + 2,
        )
    except subprocess.TimeoutExpired:
        return f"> {time.perf_counter() - begun - 2:.0f}"
    if "ModuleNotFoundError" in child.stderr:
        return "-"
    return f"{float(child.stdout):.2f}" if child.returncode == 0 else "failed"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=10.0, help="limit of one reading")
    limit = options.parse_args().seconds
    print("seconds".ljust(12), *(name.rjust(12) for name in READERS))
    for name, page in PAGES.items():
        row = [measure(reader, page, limit).rjust(12) for reader in READERS.values()]
        print(name.ljust(12), *row, flush=True)


if __name__ == "__main__":
    main()
