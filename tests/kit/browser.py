"""A report opened in a real browser without a network: Debian's chromium (or KERA_CHROMIUM), driven by Playwright."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

WIDE, NARROW = 1440, 390
BUSY_MS = 180_000
"""How long a page may take on a busy machine."""


def launched(require: Callable[..., Any], require_program: Callable[..., str]) -> Iterator[Any]:
    """Yield a browser, and close it."""
    sync = require("browser", "playwright.sync_api")
    path = require_program("browser", "chromium", "chromium-browser", "google-chrome")
    with sync.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


class Opened:
    """A page, and what it asked for or complained about."""

    def __init__(self, browser: Any, file: Path, width: int, language: str = "en-GB", scheme: str = "light") -> None:
        self.context = browser.new_context(
            viewport={"width": width, "height": 900},
            offline=True,
            locale=language,
            reduced_motion="reduce",
            color_scheme=scheme,
        )
        self.page = self.context.new_page()
        self.requests: list[str] = []
        self.messages: list[str] = []
        self.dialogs: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.messages.append(f"{message.type}: {message.text}"))
        self.page.on("dialog", self._note_dialog)
        self.page.on("pageerror", lambda error: self.messages.append(f"error: {error}"))
        self.page.set_default_timeout(BUSY_MS)
        self.page.goto(file.as_uri())
        self.page.wait_for_selector("#figures")

    def _note_dialog(self, dialog: Any) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def shown(self, selector: str) -> list[str]:
        """Return the values that elements carry, as the page keeps them beside their text."""
        values: list[str] = self.page.eval_on_selector_all(selector, "all => all.map(one => one.value)")
        return values

    @property
    def from_hosts(self) -> list[str]:
        return [url for url in self.requests if not url.startswith(("file:", "data:", "blob:"))]
