"""A real browser."""

from collections.abc import Iterator
from typing import Any

import pytest
from viewer_runs import CHROMIUM


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def tab(browser: Any) -> Iterator[Any]:
    """A tab that fails the test where the page errs, warns or asks for anything from elsewhere."""
    context = browser.new_context(viewport={"width": 1300, "height": 800})
    opened = context.new_page()
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda message: wrong.append(message.text))
    opened.on("dialog", lambda dialog: wrong.append(dialog.message))
    asked: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    opened.set_default_timeout(20_000)
    yield opened
    context.close()
    assert wrong == []
    assert all(url.startswith(("file:", "http://127.0.0.1:")) for url in asked)
