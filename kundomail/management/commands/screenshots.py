"""`manage.py screenshots`: pictures of every page state, to be looked at before a change is called done."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import playwright.sync_api as playwright
from django.core.management.base import BaseCommand, CommandError, CommandParser

from kundomail.local.browser import CHROMIUM
from kundomail.local.catalogues import compile_catalogues
from kundomail.local.errors import LocalError
from kundomail.local.product import Product, product
from kundomail.screenshots import camera, preparing, sheet
from kundomail.screenshots.states import STATES, Stage, State, Who
from kundomail.settings.environment import BASE_DIR

PICTURES = BASE_DIR / "docs" / "pictures"


WAITING = ("worker", "beat")
"""What checks DNS: started by preparing.py, so that a page can be seen before the first check."""


@contextmanager
def _own_product() -> Iterator[Product]:
    with tempfile.TemporaryDirectory(prefix="kundomail-screenshots-") as folder:
        Path(folder).chmod(0o755)  # The embedded servers may belong to another account.
        with product(BASE_DIR, Path(folder), demo=True, later=WAITING) as running:
            yield running


class Command(BaseCommand):
    """Starts a product of its own with the demo's data, or uses a running one."""

    help = "Render every page state into screenshots/: both languages and schemes, three widths, contact sheets."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Which states and variants, from where, to where."""
        every = camera.Variants()
        parser.add_argument("only", nargs="*", help=f"names of states: {', '.join(state.name for state in STATES)}")
        parser.add_argument("--url", help="a running `make run` with its demo; states that change its DNS are left out")
        parser.add_argument("--to", type=Path, default=BASE_DIR / "screenshots", help="folder for the pictures")
        parser.add_argument("--languages", nargs="+", default=every.languages, choices=every.languages)
        parser.add_argument("--schemes", nargs="+", default=every.schemes, choices=every.schemes)
        parser.add_argument("--widths", nargs="+", type=int, default=every.widths, choices=every.widths)
        parser.add_argument("--documents", action="store_true", help="only the pictures of docs/pictures/")

    def handle(self, *args: Any, **options: Any) -> None:
        """Take the pictures. Raises CommandError when there is no browser or the product does not start."""
        if not CHROMIUM.exists():
            raise CommandError(f"{CHROMIUM} is missing: apt-get install chromium, or set CHROMIUM_PATH")
        # Playwright keeps an event loop in this thread, which Django takes for async code.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
        compile_catalogues(BASE_DIR)
        try:
            self._take(self._wanted(options), options)
        except LocalError as error:
            raise CommandError(str(error)) from error

    def _wanted(self, options: dict[str, Any]) -> list[State]:
        unknown = set(options["only"]) - {state.name for state in STATES}
        if unknown:
            raise CommandError(f"no such state: {', '.join(sorted(unknown))}")
        return [
            state
            for state in STATES
            if (not options["only"] or state.name in options["only"])
            and (state.document or not options["documents"])
            and (state.stage is Stage.UNCHECKED or not options["url"])
        ]

    def _take(self, states: list[State], options: dict[str, Any]) -> None:
        options["to"].mkdir(parents=True, exist_ok=True)
        self._missing: list[str] = []
        with camera.chromium() as browser:
            if options["url"]:
                self._shoot_all(camera.Camera(browser, options["url"].rstrip("/"), options["to"]), states, options)
            else:
                with _own_product() as running:
                    taking = camera.Camera(browser, running.url, options["to"])
                    try:
                        self._walk(taking, running, states, options)
                    finally:
                        (options["to"] / "product.log").write_text("\n".join(running.lines), encoding="utf-8")
            if not options["documents"]:
                for width in options["widths"]:
                    path = sheet.write_sheet(browser, options["to"], [state.name for state in states], width)
                    self.stdout.write(f"{path}")
        if self._missing:
            raise CommandError(f"no pictures of {', '.join(self._missing)}")

    def _walk(self, taking: camera.Camera, running: Product, states: list[State], options: dict[str, Any]) -> None:
        """Go through the stages in their order, as far as a wanted state needs it."""
        stages = list(Stage)
        last = max((stages.index(state.stage) for state in states), default=-1)
        for stage in stages[: last + 1]:
            wanted = [state for state in states if state.stage is stage]
            try:
                page = taking.page(Who.ADMIN)
                preparing.prepare(stage, running, page)
            except playwright.Error as error:
                raise LocalError(f"The sender domain did not get to {stage.value}: {error}") from error
            page.context.close()
            self._shoot_all(taking, wanted, options)

    def _shoot_all(self, taking: camera.Camera, states: list[State], options: dict[str, Any]) -> None:
        wanted = (options["languages"], options["schemes"], options["widths"])
        variants = camera.Variants(*(tuple(each) for each in wanted))
        for state in states:
            self.stdout.write(state.name)
            try:
                if not options["documents"]:
                    taking.shoot(state, variants)
                else:
                    taking.shoot_document(state, PICTURES)
            except playwright.Error as error:
                self._missing.append(state.name)
                self.stderr.write(f"{state.name}: {error}")
