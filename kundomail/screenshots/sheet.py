"""The contact sheet: all pictures of one width beside each other, small."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

if TYPE_CHECKING:
    from playwright.sync_api import Browser

THUMBNAILS = {390: 130, 1024: 260, 1440: 300}
"""Width of a small picture by the width of the page it shows, in px."""
ROWS_BESIDE_EACH_OTHER = {390: 3, 1024: 2, 1440: 2}
STYLE = """
body { margin: 16px; font: 12px system-ui; background: #888; display: grid; gap: 12px;
  grid-template-columns: repeat(%(beside)d, max-content) }
section { display: grid; grid-template-columns: repeat(4, %(width)dpx); gap: 4px; align-content: start }
h2 { grid-column: 1 / -1; margin: 0; font-size: 13px; color: #fff }
img { width: 100%%; max-height: %(height)dpx; object-fit: cover; object-position: top }
"""


def write_sheet(browser: Browser, folder: Path, names: Iterable[str], width: int) -> Path:
    """Render sheet-<width>.html and .png from the pictures in `folder`; gives the picture's path."""
    small = THUMBNAILS[width]
    values = {"beside": ROWS_BESIDE_EACH_OTHER[width], "width": small, "height": small * 3}
    sections = [_section(name, sorted(folder.glob(f"{name}-??-*-{width}.png"), reverse=True)) for name in names]
    page_path, picture_path = folder / f"sheet-{width}.html", folder / f"sheet-{width}.png"
    page_path.write_text(f"<!doctype html><style>{STYLE % values}</style>{''.join(sections)}", encoding="utf-8")
    page = browser.new_page(viewport={"width": 4 * small * values["beside"] + 100, "height": 800})
    page.goto(page_path.as_uri())
    page.screenshot(path=picture_path, full_page=True)
    page.close()
    return picture_path


def _section(name: str, pictures: list[Path]) -> SafeString:
    images = format_html_join("", '<a href="{0}"><img src="{0}" alt=""></a>', ((path.name,) for path in pictures))
    return format_html("<section><h2>{}</h2>{}</section>", name, images)
