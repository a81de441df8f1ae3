"""Recipients as people type them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations import recipients


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("barry@example.org", [("", "barry@example.org")]),
        ("Barry Berg <barry@example.org>", [("Barry Berg", "barry@example.org")]),
        ('"Berg, Barry" <barry@example.org>, eva@b.se', [("Berg, Barry", "barry@example.org"), ("", "eva@b.se")]),
        ("a@b.se; c@d.se\nE <e@f.se>", [("", "a@b.se"), ("", "c@d.se"), ("E", "e@f.se")]),
        ("a@b.se,, ;\r\n", [("", "a@b.se")]),
        ("Eva <A@b.se>, a@B.SE", [("Eva", "A@b.se")]),
        ("åsa@räksmörgås.se", [("", "åsa@räksmörgås.se")]),
        ("", []),
    ],
)
def test_addresses_are_read(text: str, found: list[tuple[str, str]]) -> None:
    assert [(person["name"], person["address"]) for person in recipients.read(text)] == found


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("barry", "barry"),
        ("a@b.se, Barry Berg", "Barry Berg"),
        ("a b@c.se", "a b@c.se"),
        ("a@b", "a@b"),
        ("<>", "<>"),
        ("x <a@b.se> <c@d.se>", "x <a@b.se> <c@d.se>"),
    ],
)
def test_what_is_no_address_is_named(text: str, part: str) -> None:
    with pytest.raises(recipients.UnreadableRecipient) as raised:
        recipients.read(text)
    assert str(raised.value) == part


names = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=20).map(
    lambda name: " ".join(name.split())
)


@given(st.lists(names.filter(lambda name: '"' not in name and "\\" not in name), min_size=1, max_size=4))
def test_what_is_written_is_read_again(found: list[str]) -> None:
    people = [{"name": name, "address": f"a{place}@example.org"} for place, name in enumerate(found)]
    assert list(recipients.read(recipients.write(people))) == people


@pytest.mark.parametrize(
    ("person", "label"),
    [
        ({"name": "Barry Berg", "address": "barry@example.org"}, "Barry"),
        ({"name": "", "address": "barry@example.org"}, "barry@example.org"),
        ({"name": "barry@evil.example", "address": "barry@example.org"}, "barry@example.org"),
    ],
)
def test_the_label_is_short_and_never_another_address(person: dict[str, str], label: str) -> None:
    assert recipients.label(person) == label
