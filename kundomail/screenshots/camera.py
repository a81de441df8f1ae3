"""Chromium as the camera: one page load for each state and language, pictures of it in both schemes and all widths."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from kundomail.demo import loading
from kundomail.local.browser import CHROMIUM
from kundomail.screenshots.states import State, Who

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

Scheme = Literal["light", "dark"]
HEIGHTS = {390: 844, 1024: 768, 1440: 900}
"""The height of a window by its width, in px."""
DOCUMENT_WIDTHS = (1440, 390)
PATIENCE_MS = 30_000
SETTLE_MS = 250
"""What is moving comes to rest."""
LOCALES = {"sv": "sv-SE", "en": "en-GB"}


@dataclass(frozen=True)
class Variants:
    """Which pictures of a state are wanted."""

    languages: tuple[str, ...] = ("sv", "en")
    schemes: tuple[Scheme, ...] = ("light", "dark")
    widths: tuple[int, ...] = (390, 1024, 1440)


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's Chromium, silent towards the network."""
    from playwright.sync_api import sync_playwright

    arguments = ["--no-first-run", "--disable-background-networking", "--hide-scrollbars"]
    arguments.append("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost")
    if os.getuid() == 0:
        arguments.append("--no-sandbox")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


class Camera:
    """Takes pictures of a product at `url` into `folder`."""

    def __init__(self, browser: Browser, url: str, folder: Path) -> None:
        """Take the browser; logging in happens when somebody's eyes are first needed."""
        self._browser, self._url, self._folder = browser, url, folder
        self._sessions: dict[Who, dict[str, object]] = {}

    def page(self, who: Who, language: str = "sv") -> Page:
        """A new page of somebody, in a language; close its context when done."""
        if who is not Who.NOBODY and who not in self._sessions:
            self._sessions[who] = self._log_in(who)
        context = self._context(language, self._sessions.get(who))
        page = context.new_page()
        self._speak(page, language, "/accounts/login/" if who is Who.NOBODY else "/lillestad/settings/profile/")
        return page

    def shoot(self, state: State, variants: Variants) -> None:
        """All pictures of one state."""
        for language in variants.languages:
            page = self.page(state.who, language)
            state.open(page, self._url)
            for width in variants.widths:
                for scheme in variants.schemes:
                    self._picture(page, state, f"{language}-{scheme}-{width}", width, scheme)
            page.context.close()

    def shoot_document(self, state: State, folder: Path) -> None:
        """The pictures for docs/: both languages, a desktop's and a phone's width, light."""
        folder.mkdir(parents=True, exist_ok=True)
        for language in LOCALES:
            page = self.page(state.who, language)
            state.open(page, self._url)
            for width in DOCUMENT_WIDTHS:
                page.set_viewport_size({"width": width, "height": state.document})
                page.wait_for_timeout(SETTLE_MS)
                path = folder / f"{state.name}-{language}-{width}.png"
                page.screenshot(path=path, animations="disabled")
            page.context.close()

    def _picture(self, page: Page, state: State, variant: str, width: int, scheme: Scheme) -> None:
        page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.wait_for_timeout(SETTLE_MS)
        path = self._folder / f"{state.name}-{variant}.png"
        page.screenshot(path=path, full_page=state.whole, animations="disabled")

    def _context(self, language: str, session: dict[str, object] | None = None) -> BrowserContext:
        context = self._browser.new_context(
            locale=LOCALES[language],
            timezone_id="Europe/Stockholm",
            viewport={"width": 1440, "height": HEIGHTS[1440]},
            storage_state=session,  # type: ignore[arg-type]  # What storage_state() gave.
        )
        context.set_default_timeout(PATIENCE_MS)
        return context

    def _log_in(self, who: Who) -> dict[str, object]:
        context = self._context("sv")
        page = context.new_page()
        page.goto(f"{self._url}/accounts/login/")
        page.locator("[name=login]").fill(who.value)
        page.locator("[name=password]").fill(loading.PASSWORD)
        with page.expect_navigation():
            page.locator("[name=password]").press("Enter")
        session = dict(context.storage_state())
        context.close()
        return session

    def _speak(self, page: Page, language: str, path: str) -> None:
        """Choose a language with the switch of a page."""
        page.goto(f"{self._url}{path}")
        if page.locator("html").get_attribute("lang") != language:
            switch = page.locator(f"button[name=language][value={language}]").first
            with page.expect_navigation():
                switch.evaluate("button => button.form.requestSubmit(button)")
