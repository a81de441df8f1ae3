"""The template tags of the interface: what stands in the page, for eyes and for screen readers."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django import forms
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.http import Http404
from django.template import Context, Template
from django.test import RequestFactory, override_settings
from django.utils import timezone, translation
from lucide import IconDoesNotExist

from kundomail import components_page, moments, navigation
from kundomail.templatetags import ui
from organizations.models import User

STOCKHOLM_NOON = datetime(2026, 3, 12, 11, 0, tzinfo=UTC)
"""Thursday 12 March 2026, 12:00 in Stockholm."""


class Example(forms.Form):
    """A field of each kind that is rendered in its own way."""

    name = forms.CharField(label="Name", help_text="As colleagues know it")
    note = forms.CharField(label="Note", required=False)
    alarm = forms.BooleanField(label="Alarm", required=False)
    order = forms.ChoiceField(label="Order", choices=[("a", "A"), ("b", "B")], widget=forms.RadioSelect)
    tags = forms.MultipleChoiceField(label="Tags", choices=[("a", "A")], widget=forms.CheckboxSelectMultiple)


def render(source: str, **context: object) -> str:
    """Render a template source in English."""
    with translation.override("en"):
        return Template(source).render(Context(context))


# --- Icons and states --------------------------------------------------------------------------------------------


def test_an_icon_without_a_label_is_hidden_from_screen_readers() -> None:
    assert 'aria-hidden="true"' in render('{% icon "mail" %}')


def test_an_icon_with_a_label_is_an_image_of_that_name() -> None:
    drawn = render('{% icon "mail" label=name %}', name='"quoted" & <b>')
    assert 'role="img"' in drawn
    assert 'aria-label="&quot;quoted&quot; &amp; &lt;b&gt;"' in drawn


def test_an_icon_that_does_not_exist_is_an_error_and_not_a_hole() -> None:
    with pytest.raises(IconDoesNotExist):
        render('{% icon "no-such-icon" %}')


@pytest.mark.parametrize("kind", ui.STATES)
def test_every_state_has_a_symbol_of_its_own_and_a_word(kind: str) -> None:
    shown = render("{% state kind %}", kind=kind)
    others = {render("{% symbol kind %}", kind=other) for other in ui.STATES if other != kind}
    assert f"symbol-{kind}" in shown
    with translation.override("en"):
        assert ui.state_word(kind) in shown
    assert render("{% symbol kind %}", kind=kind) not in others


def test_a_state_that_is_none_of_the_five_is_refused() -> None:
    with pytest.raises(ValueError, match="not a state"):
        render('{% state "green" %}')


def test_a_symbol_beside_its_word_is_not_read_twice() -> None:
    assert 'aria-hidden="true"' in render('{% symbol "right" label="" %}')
    assert 'aria-label="Right"' in render('{% symbol "right" %}')


def test_the_states_are_said_in_swedish() -> None:
    with translation.override("sv"):
        words = [ui.state_word(kind) for kind in ui.STATES]
    assert words == ["Rätt", "Väntar", "Fel", "Inte kontrollerad", "Gick inte att fråga"]


# --- Buttons -----------------------------------------------------------------------------------------------------


def test_a_button_does_not_submit_unless_it_says_so() -> None:
    assert 'type="button"' in render('{% button "Add" %}')
    assert 'type="submit"' in render('{% button "Save" type="submit" %}')


def test_a_button_with_an_address_is_a_link() -> None:
    drawn = render('{% button "Guide" href=url %}', url="/guide/?a=1&b=2")
    assert drawn.startswith("<a ")
    assert 'href="/guide/?a=1&amp;b=2"' in drawn


def test_further_arguments_become_attributes() -> None:
    drawn = render('{% button "Send" hx_post=url data_flag=True data_gone=False name="do" %}', url='/x/?"')
    assert 'hx-post="/x/?&quot;"' in drawn
    assert " data-flag" in drawn
    assert "data-gone" not in drawn
    assert 'name="do"' in drawn


def test_a_button_of_an_icon_alone_has_its_name() -> None:
    drawn = render('{% button "Filter" icon="list-filter" icon_only=True %}')
    assert 'aria-label="Filter"' in drawn
    assert "<span>Filter</span>" not in drawn


def test_a_disabled_button_that_says_why_can_still_be_reached() -> None:
    drawn = render('{% button "Activate" disabled=True because="why" %}')
    assert 'aria-disabled="true"' in drawn
    assert 'aria-describedby="why"' in drawn
    assert re.search(r"\sdisabled[\s>]", drawn) is None


def test_a_disabled_button_without_a_reason_is_passed_over() -> None:
    assert re.search(r"\sdisabled[\s>]", render('{% button "Saved" disabled=True %}'))


def test_a_shortcut_is_shown_and_registered() -> None:
    drawn = render('{% button "Done" key="e" %}')
    assert 'data-shortcut="e"' in drawn
    assert '<kbd class="key">e</kbd>' in drawn


# --- Fields ------------------------------------------------------------------------------------------------------


def test_a_field_is_tied_to_its_help() -> None:
    drawn = render("{% field form.name %}", form=Example())
    assert 'aria-describedby="id_name_help"' in drawn
    assert re.search(r'id="id_name_help">As colleagues know it<', drawn)


def test_a_wrong_field_is_marked_and_tied_to_what_is_wrong() -> None:
    drawn = render("{% field form.name %}", form=Example({"name": ""}))
    assert 'aria-invalid="true"' in drawn
    assert 'aria-describedby="id_name_help id_name_error"' in drawn
    assert "This field is required." in drawn


@pytest.mark.parametrize(
    ("data", "focused"),
    [(None, ["first"]), ({"first": "", "second": ""}, ["first"]), ({"first": "Anna", "second": ""}, ["second"])],
)
def test_the_first_wrong_field_has_the_focus(data: dict[str, str] | None, focused: list[str]) -> None:
    class Two(forms.Form):
        first = forms.CharField()
        second = forms.CharField()

    drawn = render("{% field form.first autofocus=True %}{% field form.second %}", form=Two(data))
    assert re.findall(r'name="(\w+)"[^>]* autofocus', drawn) == focused


def test_only_a_field_that_may_be_empty_says_so() -> None:
    assert "(optional)" in render("{% field form.note %}", form=Example())
    assert "(optional)" not in render("{% field form.name %}", form=Example())


def test_a_checkbox_can_be_a_switch() -> None:
    assert 'role="switch"' in render("{% field form.alarm switch=True %}", form=Example())
    assert 'role="switch"' not in render("{% field form.alarm %}", form=Example())


def test_each_choice_of_a_group_is_drawn_by_us() -> None:
    assert render("{% field form.order %}", form=Example()).count('class="radio"') == 2
    assert render("{% field form.tags %}", form=Example()).count('class="checkbox"') == 1


# --- Values ------------------------------------------------------------------------------------------------------

VALUES = ["v=DKIM1; k=rsa; p=MIGf+/=", '"a" & <b>', "  two  spaces ", "jobb.lillestad.se@mail.kundo.se"]


@pytest.mark.parametrize("value", VALUES)
def test_what_is_copied_is_exactly_the_value(value: str) -> None:
    drawn = render("{% copy value %}", value=value)
    written = re.search(r'data-copy="([^"]*)"', drawn)
    shown = re.search(r"<code>(.*?)</code>", drawn, re.DOTALL)
    assert written
    assert shown
    for text in (written[1], shown[1].replace("<wbr>", "")):
        plain = text.replace("&quot;", '"').replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
        assert plain == value


def test_an_address_to_copy_breaks_after_its_at_alone() -> None:
    assert "<code>jobb.lillestad.se@<wbr>mail.kundo.se</code>" in render("{% copy value %}", value=VALUES[-1])


def test_the_copy_button_says_what_it_copies() -> None:
    assert 'aria-label="Copy service address"' in render('{% copy "x" label="service address" %}')


def test_an_address_breaks_at_its_joints_and_cannot_become_markup() -> None:
    assert ui.breakable("a.b@lillestad.se") == "a<wbr>.b@<wbr>lillestad<wbr>.se"
    assert ui.breakable("<b>@x.se\u202e") == "&lt;b&gt;@<wbr>x<wbr>.se\ufffd"


@pytest.mark.parametrize(("number", "shown"), [(1, ">1<"), (999, ">999<"), (1000, ">999+<")])
def test_a_count_has_at_most_three_digits(number: int, shown: str) -> None:
    assert shown in render("{% count number %}", number=number)


def test_nothing_counted_shows_nothing() -> None:
    assert render("{% count 0 %}") == ""


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("Anna Berg", "AB"),
        ("Åsa Maria Öberg", "ÅÖ"),
        ("lena.holm@lillestad.se", "L"),
        ("(växel) Karin", "K"),
        ("!", "?"),
    ],
)
def test_a_person_is_drawn_as_initials(name: str, letters: str) -> None:
    assert f">{letters}</span>" in render("{% avatar name %}", name=name)


def test_a_person_has_the_same_tone_everywhere_and_people_differ() -> None:
    def tone(name: str) -> str:
        found = re.search(r"tone-\d", render("{% avatar name %}", name=name))
        assert found
        return found[0]

    assert tone("Anna Berg") == tone("anna berg")
    assert len({tone(f"Person {number}") for number in range(40)}) == ui.AVATAR_TONES


def test_nobody_is_an_empty_ring_named_unassigned() -> None:
    drawn = render('{% avatar "" %}')
    assert "avatar-none" in drawn
    assert 'aria-label="Unassigned"' in drawn


def test_a_name_cannot_carry_markup() -> None:
    drawn = render("{% avatar name %}{% badge name %}{% card name %}{% endcard %}", name='<img src=x onerror="1">')
    assert "<img" not in drawn


# --- Containers --------------------------------------------------------------------------------------------------


def test_a_card_without_a_footer_has_none() -> None:
    assert "<footer>" not in render('{% card "Title" %}text{% endcard %}')


def test_what_follows_the_mark_is_the_footer_of_the_card() -> None:
    drawn = render('{% card "Title" %}text{% cardfooter %}{% button "Save" %}{% endcard %}')
    body, footer = drawn.split("<footer>")
    assert "text" in body
    assert "Save" in footer
    assert ui.FOOTER not in drawn


def test_only_what_must_interrupt_is_an_alert() -> None:
    assert 'role="alert"' in render('{% banner "error" live=True %}x{% endbanner %}')
    assert 'role="status"' in render('{% banner "info" live=True %}x{% endbanner %}')
    assert "role=" not in render('{% banner "error" %}x{% endbanner %}')


# --- Time --------------------------------------------------------------------------------------------------------


def shown(age: timedelta, style: str, language: str) -> str:
    """What stands for a moment that long before Thursday noon."""
    with translation.override(language), timezone.override("Europe/Stockholm"):
        return moments.shown(STOCKHOLM_NOON - age, style, now=STOCKHOLM_NOON)


@pytest.mark.parametrize(
    ("age", "swedish", "english"),
    [
        (timedelta(seconds=59), "nyss", "just now"),
        (timedelta(minutes=4), "för 4 min sedan", "4 min ago"),
        (timedelta(minutes=59, seconds=59), "för 59 min sedan", "59 min ago"),
        (timedelta(hours=1), "för 1 tim sedan", "1 h ago"),
        (timedelta(hours=23, minutes=59), "för 23 tim sedan", "23 h ago"),
        (timedelta(hours=24), "11 mars 12:00", "11 Mar 12:00"),
        (timedelta(days=365), "12 mars 2025 12:00", "12 Mar 2025 12:00"),
        (timedelta(hours=-1), "12 mars 13:00", "12 Mar 13:00"),
    ],
)
def test_a_moment_is_relative_for_a_day_and_then_a_date(age: timedelta, swedish: str, english: str) -> None:
    assert shown(age, "relative", "sv") == swedish
    assert shown(age, "relative", "en") == english


@pytest.mark.parametrize(
    ("age", "swedish", "english"),
    [
        (timedelta(hours=11), "01:00", "01:00"),
        (timedelta(hours=13), "ons", "Wed"),
        (timedelta(days=6), "fre", "Fri"),
        (timedelta(days=7), "5 mars", "5 Mar"),
        (timedelta(days=400), "5 feb 2025", "5 Feb 2025"),
        (timedelta(days=180), "13 sep 2025", "13 Sep 2025"),
    ],
)
def test_a_list_shows_clock_then_weekday_then_date(age: timedelta, swedish: str, english: str) -> None:
    assert shown(age, "list", "sv") == swedish
    assert shown(age, "list", "en") == english


def test_the_exact_moment_appears_on_hover() -> None:
    with timezone.override("Europe/Stockholm"):
        drawn = render("{% time at %}", at=STOCKHOLM_NOON)
    assert 'title="12 March 2026, 12:00"' in drawn
    assert 'datetime="2026-03-12T11:00:00+00:00"' in drawn


def test_no_moment_shows_nothing() -> None:
    assert render("{% time at %}", at=None) == ""


def test_an_unknown_style_of_time_is_refused() -> None:
    with pytest.raises(ValueError, match="not a style"):
        render('{% time at "short" %}', at=STOCKHOLM_NOON)


# --- The page around ---------------------------------------------------------------------------------------------


def html_attributes(cookies: dict[str, str], *, keyboard_shortcuts: bool = True) -> str:
    """The attributes of <html> for a reader with these cookies."""
    request = RequestFactory().get("/")
    request.COOKIES.update(cookies)
    request.user = User(keyboard_shortcuts=keyboard_shortcuts)
    return render("{% html_attributes %}", request=request)


def test_the_page_starts_in_what_the_reader_chose() -> None:
    written = html_attributes({"theme": "dark", "rail": "icons", "panel": "closed"})
    assert written.split() == ['data-theme="dark"', 'data-rail="icons"', 'data-panel="closed"']


@pytest.mark.parametrize("value", ["", "blue", '"><script>'])
def test_a_cookie_with_anything_else_changes_nothing(value: str) -> None:
    assert html_attributes({"theme": value, "rail": value, "panel": value}) == ""


def test_shortcuts_follow_the_profile_until_the_browser_says_otherwise() -> None:
    assert "data-shortcuts" not in html_attributes({})
    assert 'data-shortcuts="off"' in html_attributes({}, keyboard_shortcuts=False)
    assert 'data-shortcuts="off"' in html_attributes({"shortcuts": "off"})
    assert "data-shortcuts" not in html_attributes({"shortcuts": "on"}, keyboard_shortcuts=False)


def test_an_error_page_needs_no_request() -> None:
    for name in ("500", "503"):
        with translation.override("sv"):
            page = Template('{% extends "' + name + '.html" %}').render(Context({}))
        assert '<html lang="sv">' in page
        assert page.count("<h1") == 1


def test_one_section_is_current_and_it_is_the_nearest() -> None:
    arguments = {"organization_slug": "lillestad", "inbox": 3}
    groups = navigation.settings_links(arguments, "/lillestad/settings/inboxes/3/receive/sender/")
    current = [link.url for group in groups for link in group.links if link.current]
    assert current == ["/lillestad/settings/inboxes/3/receive/"]


def test_sections_of_an_inbox_are_left_out_where_there_is_none() -> None:
    groups = navigation.settings_links({"organization_slug": "lillestad"}, "/lillestad/settings/members/")
    urls = [link.url for group in groups for link in group.links]
    assert "/lillestad/settings/members/" in urls
    assert not [url for url in urls if "/receive/" in url]


def test_an_entry_that_leads_nowhere_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    assert navigation.entries_exist() == []
    nowhere = navigation.Section("organizations:nowhere", "Nowhere", "inbox")
    monkeypatch.setattr(navigation, "SETTINGS", (navigation.SectionGroup("", (nowhere,)),))
    with pytest.raises(SystemCheckError, match="organizations:nowhere"):
        call_command("check")


@override_settings(LOCAL=False)
@pytest.mark.parametrize("view", [components_page.components, components_page.work_example, components_page.undone])
def test_the_components_are_shown_in_local_mode_only(view: object) -> None:
    with pytest.raises(Http404):
        view(RequestFactory().get("/components/"))  # type: ignore[operator]  # Each is a view.
