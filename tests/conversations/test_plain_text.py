"""Plain text as HTML: nothing a stranger writes becomes markup, and links go where they say."""

from __future__ import annotations

import re

import pytest

from conversations.files import NAME_CHARACTERS, download_name, image_type, served_type
from conversations.plain_text import linked, parts, visible_controls
from tests.conversations.hostile_html import HOSTILE


@pytest.mark.parametrize("text", [*HOSTILE, *(f"https://a.se/{hostile}" for hostile in HOSTILE)])
def test_no_element_comes_of_it_but_links(text: str) -> None:
    tags = re.findall(r"<[^>]*>", linked(text))
    assert all(
        re.fullmatch(
            r'</a>|<a href="(https?://|mailto:)[^"<>]*"( target="_blank" rel="noopener noreferrer nofollow")?>', tag
        )
        for tag in tags
    )


@pytest.mark.parametrize(
    ("text", "address", "shown"),
    [
        ("se https://example.org/a.", "https://example.org/a", "https://example.org/a"),
        ("(http://example.org/?a=1&b=2)", "http://example.org/?a=1&amp;b=2", "http://example.org/?a=1&amp;b=2"),
        ("HTTPS://EXAMPLE.ORG", "HTTPS://EXAMPLE.ORG", "HTTPS://EXAMPLE.ORG"),
        ('"https://example.org/x"', "https://example.org/x", "https://example.org/x"),
        ("<https://example.org>", "https://example.org", "https://example.org"),
        ("skriv till info@example.org!", "mailto:info@example.org", "info@example.org"),
        ("https://example.org/ö", "https://example.org/ö", "https://example.org/ö"),
    ],
)
def test_an_address_becomes_a_link_without_the_signs_around_it(text: str, address: str, shown: str) -> None:
    (link,) = re.findall(r'<a href="([^"]*)"[^>]*>([^<]*)</a>', linked(text))
    assert link == (address, shown)


@pytest.mark.parametrize(
    "text", ["javascript:alert(1)", "ftp://example.org", "file:///etc/passwd", "http://", "a@b", "@"]
)
def test_other_schemes_are_no_links(text: str) -> None:
    assert "<a" not in linked(text)


def test_signs_that_reorder_text_are_shown_and_those_without_width_left_out() -> None:
    assert visible_controls("a\u202eb\u200bc\x07d") == "a\ufffdbc\ufffdd"


def test_ordinary_text_is_left_as_it_is() -> None:
    text = "Hej!\n\tÅsa – 12 % 👩‍👩‍👧"
    assert visible_controls(text) == text


def test_a_text_is_split_by_its_ranges_and_blank_parts_are_left_out() -> None:
    text = "Hej\n\n> citat\n  \n-- \nBarry"
    ranges = [(0, 5, "visible"), (5, 12, "quoted"), (12, 16, "visible"), (16, len(text), "signature")]
    assert [(part.kind, part.html) for part in parts(text, ranges, 1000)] == [
        ("visible", "Hej"),
        ("quoted", "&gt; citat"),
        ("signature", "-- \nBarry"),
    ]


def test_a_text_without_ranges_is_all_visible() -> None:
    assert [(part.kind, part.html) for part in parts("Hej", [], 1000)] == [("visible", "Hej")]


def test_a_very_long_text_is_cut() -> None:
    assert [len(part.html) for part in parts("x" * 5000, [], 100)] == [100]


# --- Files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "served"),
    [
        ("application/pdf", "application/pdf"),
        ("IMAGE/PNG; name=x", "image/png"),
        ("image/svg+xml", "application/octet-stream"),
        ("text/html", "application/octet-stream"),
        ("", "application/octet-stream"),
        ("image/png\r\nSet-Cookie: a=b", "application/octet-stream"),
    ],
)
def test_only_harmless_types_are_told_to_the_browser(declared: str, served: str) -> None:
    assert served_type(declared) == served


def test_a_long_name_keeps_its_ending() -> None:
    name = download_name("å" * 400 + ".pdf")
    assert len(name) == NAME_CHARACTERS
    assert name.endswith(".pdf")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n....", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"RIFF\x00\x00\x00\x00WAVE", None),
        (b"<svg/>", None),
        (b"", None),
    ],
)
def test_a_picture_is_known_by_its_octets(content: bytes, kind: str | None) -> None:
    assert image_type(content) == kind
