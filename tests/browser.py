"""A headless Chromium for the tests of pages; they are skipped where there is none."""

import shutil

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip

in_a_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        folder = tmp_path_factory.mktemp("chromium")
        opened = started.chromium.launch_persistent_context(
            folder, executable_path=CHROMIUM, args=list(QUIET), headless=True
        )
        yield opened
        opened.close()


@pytest.fixture
def opened_page(browser):
    """Opens a file; fails on a request, a console error or an exception."""
    wrong, pages = [], []

    def open_page(path, width=1280, height=900):
        page = browser.new_page()
        pages.append(page)
        page.set_viewport_size({"width": width, "height": height})
        page.on("pageerror", lambda error: wrong.append(f"exception: {error}"))
        page.on("console", lambda line: wrong.append(line.text) if line.type in ("error", "warning") else None)
        page.on("request", lambda asked: None if asked.url.startswith("file:") else wrong.append(asked.url[:100]))
        page.goto(path.as_uri())
        return page

    yield open_page
    for page in pages:
        page.close()
    assert wrong == []
