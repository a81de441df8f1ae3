"""Every text of the interface has its Swedish, and what looks for the missing ones finds them."""

from pathlib import Path

import pytest

from kundomail import translating
from kundomail.translating import Text

CHECKOUT = Path(__file__).resolve().parents[2]
HEADER = 'msgid ""\nmsgstr ""\n"Language: sv\\n"\n"Content-Type: text/plain; charset=UTF-8\\n"\n\n'


def catalogue(checkout: Path, app: str, entries: str) -> None:
    path = checkout / "locale" / app / "sv" / "LC_MESSAGES" / "django.po"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEADER + entries, encoding="utf-8")


def page(checkout: Path, name: str, source: str) -> None:
    path = checkout / "templates" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source, encoding="utf-8")


def lines(checkout: Path) -> list[str]:
    return [str(fault) for fault in translating.faults(checkout)]


def test_the_whole_interface_is_in_swedish() -> None:
    assert lines(CHECKOUT) == []


def test_texts_are_found_in_every_app() -> None:
    """The test above would also be content with an extractor that finds nothing."""
    found = {app: translating.texts_of(CHECKOUT, app) for app in translating.APPS}
    assert all(found.values())
    assert sum(len(texts) for texts in found.values()) > 700


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ('from django.utils.translation import gettext_lazy as _\n_("Done")', Text("Done")),
        ('from django.utils.translation import gettext as say\nsay("Do" "ne")', Text("Done")),
        ('from django.utils import translation\ntranslation.gettext("Done")', Text("Done")),
        ('pgettext("list", "Done")', Text("Done", context="list")),
        ('ngettext("%(n)s mail", "%(n)s mails", n)', Text("%(n)s mail", "%(n)s mails")),
        ('_noop("{n} of {m}")', Text("{n} of {m}")),
    ],
)
def test_a_text_in_code_is_found(code: str, text: Text) -> None:
    assert list(translating.texts_of_code(code)) == [text]


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ('{% translate "It\'s done" %}', Text("It's done")),
        ('<li>\n      {% translate "Done" context "list" %}\n  </li>', Text("Done", context="list")),
        ('{% include "x.html" with label=_("Done") %}', Text("Done")),
        ("{% button _('Say \"done\"') %}", Text('Say "done"')),
        ("{% blocktranslate with a=b %}Mail to {{ a }}{% endblocktranslate %}", Text("Mail to %(a)s")),
        (
            "{% blocktranslate count n=n %}{{ n }} mail{% plural %}{{ n }} mails{% endblocktranslate %}",
            Text("%(n)s mail", "%(n)s mails"),
        ),
    ],
)
def test_a_text_in_a_template_is_found(template: str, text: Text) -> None:
    assert list(translating.texts_of_template(template)) == [text]


def test_a_variable_that_is_translated_is_no_text() -> None:
    assert list(translating.texts_of_code("gettext(sentence)")) == []
    assert list(translating.texts_of_template("{% translate sentence %}")) == []


def test_a_text_without_swedish_is_named_with_its_app(tmp_path: Path) -> None:
    page(tmp_path, "account/login.html", '{% translate "Log in" %}')
    page(tmp_path, "404.html", '{% translate "Not here" %}')
    assert lines(tmp_path) == ["organizations: no Swedish for: 'Log in'", "kundomail: no Swedish for: 'Not here'"]


def test_an_empty_or_fuzzy_translation_counts_as_missing(tmp_path: Path) -> None:
    page(tmp_path, "inboxes/index.html", '{% translate "Inbox" %}{% translate "Signature" %}')
    catalogue(tmp_path, "inboxes", 'msgid "Inbox"\nmsgstr ""\n\n#, fuzzy\nmsgid "Signature"\nmsgstr "Signatur"\n')
    assert lines(tmp_path) == ["inboxes: no Swedish for: 'Inbox'", "inboxes: no Swedish for: 'Signature'"]


def test_a_translation_under_another_context_does_not_count(tmp_path: Path) -> None:
    page(tmp_path, "inboxes/index.html", '{% translate "Done" context "list" %}')
    catalogue(tmp_path, "inboxes", 'msgid "Done"\nmsgstr "Klart"\n')
    assert lines(tmp_path) == ["inboxes: no Swedish for: 'Done' [list]"]


def test_a_lost_placeholder_is_a_fault(tmp_path: Path) -> None:
    catalogue(tmp_path, "inboxes", 'msgid "From %(name)s"\nmsgstr "Från %(namn)s"\n')
    assert lines(tmp_path) == ["inboxes: other placeholders in the Swedish of: 'From %(name)s'"]


def test_two_apps_that_say_the_same_differently_are_a_fault(tmp_path: Path) -> None:
    catalogue(tmp_path, "inboxes", 'msgid "Done"\nmsgstr "Klart"\n')
    catalogue(tmp_path, "conversations", 'msgid "Done"\nmsgstr "Färdigt"\n')
    assert lines(tmp_path) == ["conversations: another app says 'Klart' for: 'Done'"]
