"""What is left of a mail's HTML: the harmless, all of it, and nothing else."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from conversations.mail_styles import filter_style
from conversations.sanitising import ATTRIBUTES, TAGS, CannotSanitise, clean
from conversations.sanitising_pool import Pool, sanitise
from tests.conversations.hostile_html import HOSTILE, LOADS

OWN_IMAGE = "/content/i/signed/"
FORBIDDEN_STYLES = re.compile(
    r"url|expression|import|position|z-index|transform|opacity|animation|filter|clip|var\(|-\d+px|v[wh]\b|[\\{}@]"
)
ADDED = {"a": {"rel", "target"}}


class Elements(HTMLParser):
    """Every element of a document with its attributes, as a reader other than the sanitiser's sees them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.oddities: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_comment(self, data: str) -> None:
        self.oddities.append(data)

    handle_decl = handle_pi = unknown_decl = handle_comment


@pytest.mark.parametrize("html", HOSTILE)
def test_nothing_outside_the_allow_list_survives(html: str) -> None:
    elements = Elements(clean(html, {}).html)
    assert elements.oddities == []
    for tag, attributes in elements.found:
        assert tag in TAGS
        assert set(attributes) <= ATTRIBUTES["*"] | ATTRIBUTES.get(tag, set()) | ADDED.get(tag, set())
        assert not attributes.get("src")
        assert re.match(r"(https?://|mailto:|tel:)", attributes.get("href") or "https://")
        assert not FORBIDDEN_STYLES.search((attributes.get("style") or "").lower())


@pytest.mark.parametrize("html", LOADS)
def test_no_address_is_left_that_a_browser_would_load(html: str) -> None:
    elements = Elements(clean(html, {}).html)
    values = [value or "" for _tag, attributes in elements.found for value in attributes.values()]
    assert not [value for value in values if "127.0.0.1" in value or "url" in value.lower()]


@pytest.mark.parametrize("html", HOSTILE)
def test_cleaning_again_changes_nothing(html: str) -> None:
    once = clean(html, {}).html
    assert Elements(clean(once, {}).html).found == Elements(once).found


def test_what_people_write_is_kept() -> None:
    html = (
        '<p style="color:#333;font-family:Calibri">Hej <b>Anna</b>,</p><ul><li>ett</li></ul><blockquote>citat</blockquote>'
        '<table width="100%" cellpadding="4"><tr><td bgcolor="#ffffff" colspan="2">cell</td></tr></table>'
    )
    elements = Elements(clean(html, {}).html)
    assert [tag for tag, _attributes in elements.found] == [
        "p", "b", "ul", "li", "blockquote", "table", "tbody", "tr", "td",
    ]  # fmt: skip
    assert elements.found[0][1] == {"style": "color:#333;font-family:Calibri"}
    assert elements.found[5][1] == {"width": "100%", "cellpadding": "4"}
    assert elements.found[8][1] == {"bgcolor": "#ffffff", "colspan": "2"}


def test_a_link_opens_elsewhere_and_tells_nobody_where_from() -> None:
    ((_tag, attributes),) = Elements(
        clean('<a href="https://a.se/?b=1&amp;c=2" target=_top rel=opener>x</a>', {}).html
    ).found
    assert attributes == {
        "href": "https://a.se/?b=1&c=2",
        "target": "_blank",
        "rel": "noopener noreferrer nofollow",
    }


@pytest.mark.parametrize("source", ["cid:logo@mail", "CID:logo%40mail", " cid:logo@mail"])
def test_an_image_of_the_mail_itself_is_shown_from_our_address(source: str) -> None:
    ((_tag, attributes),) = Elements(clean(f'<img src="{source}" alt="Logga">', {"logo@mail": OWN_IMAGE}).html).found
    assert attributes == {"src": OWN_IMAGE, "alt": "Logga"}


@pytest.mark.parametrize("source", ["cid:unknown@mail", OWN_IMAGE, "data:image/svg+xml,<svg/>", "file:///etc/passwd"])
def test_an_image_that_is_not_in_the_mail_loses_its_address(source: str) -> None:
    assert Elements(clean(f'<img src="{source}">', {"logo@mail": OWN_IMAGE}).html).found == [("img", {})]


def test_remote_images_are_left_out_and_counted() -> None:
    sanitised = clean('<img src="http://a.se/1"><img src="https://a.se/2" alt="Två"><img src="cid:x">', {})
    assert sanitised.blocked_images == 2
    assert [attributes for _tag, attributes in Elements(sanitised.html).found] == [{}, {"alt": "Två"}, {}]


@pytest.mark.parametrize(
    ("style", "kept"),
    [
        ("color: red; font: 12px/1.5 'Segoe UI', Arial", 'color:red;font:12px/1.5 "Segoe UI", Arial'),
        ("MARGIN: 0 auto", "margin:0 auto"),
        ("color: rgb(1, 2, 3) !important", "color:rgb(1, 2, 3)"),
        ("width: calc(100% - 3px)", "width:calc(100% - 3px)"),
        ("display: flex; display: table-cell", "display:table-cell"),
        ("mso-line-height-rule: exactly; line-height: 20px", "line-height:20px"),
        ("margin-left: -4px; padding: 2px", "padding:2px"),
        ("font-family: 'a;b{}'", ""),
        ("color: r\\65 d", ""),
        ("color: red; width: 50vw", "color:red"),
        ("border-color: attr(x)", ""),
        ("color:red" + " " * 4000, ""),
    ],
)
def test_a_style_keeps_its_harmless_declarations(style: str, kept: str) -> None:
    assert filter_style(style) == kept


# --- In a process with limits ---------------------------------------------------------------------------------------


def test_the_pool_gives_what_cleaning_gives() -> None:
    sanitised = sanitise('<p>Hej</p><img src="cid:a"><img src="https://a.se/1">', {"a": OWN_IMAGE})
    assert sanitised == clean('<p>Hej</p><img src="cid:a"><img src="https://a.se/1">', {"a": OWN_IMAGE})


@pytest.fixture
def pool(settings: Any) -> Iterator[Pool]:
    """A pool of one process that is given a second for each mail."""
    settings.SANITISER_CPU_SECONDS = 1
    made = Pool(processes=1)
    yield made
    made.stop()


@pytest.mark.parametrize(
    "bomb",
    ["<div>" * 60_000, "<p " + "".join(f"a{number}=1 " for number in range(200_000)) + ">", "&amp;" * 500_000],
    ids=["nesting", "attributes", "entities"],
)
def test_html_that_takes_too_long_ends_its_own_process_and_no_other(pool: Pool, bomb: str) -> None:
    with pytest.raises(CannotSanitise):
        pool.sanitise(bomb, {})
    assert pool.sanitise("<p>nästa</p>", {}).html == "<p>nästa</p>"


def test_html_that_needs_too_much_memory_ends_its_own_process_and_no_other(settings: Any) -> None:
    settings.SANITISER_MEMORY_OCTETS = 90 * 1024 * 1024
    pool = Pool(processes=1)
    try:
        with pytest.raises(CannotSanitise):
            pool.sanitise("<b>" * 300_000, {})
        assert pool.sanitise("<p>nästa</p>", {}).html == "<p>nästa</p>"
    finally:
        pool.stop()


def test_html_over_the_limit_is_not_even_tried(settings: Any) -> None:
    settings.MESSAGE_HTML_CHARACTERS = 10
    with pytest.raises(CannotSanitise):
        sanitise("<p>längre än tio</p>", {})


def test_a_sanitiser_that_was_killed_is_replaced(pool: Pool) -> None:
    pool.sanitise("<p>ett</p>", {})
    (child,) = sanitisers()
    os.kill(child, signal.SIGKILL)
    assert pool.sanitise("<p>två</p>", {}).html == "<p>två</p>"


def test_a_sanitiser_is_given_no_secrets(pool: Pool) -> None:
    pool.sanitise("<p>ett</p>", {})
    (child,) = sanitisers()
    environment = Path(f"/proc/{child}/environ").read_bytes()
    assert b"DATABASE_URL" not in environment
    assert b"SECRET" not in environment


def sanitisers() -> list[int]:
    """The sanitising processes that this process has started for the pool of one test."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            command = stat.with_name("cmdline").read_bytes()
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except FileNotFoundError:
            continue
        if parent == os.getpid() and b"conversations.sanitising_child\x001\x00" in command:
            found.append(int(stat.parent.name))
    return found
