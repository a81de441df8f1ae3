"""The sections of the settings pages, as one table of URL names.

Settings pages belong to different apps and are put together here by name, never by import. An entry whose URL name
does not exist stops the start (`entries_exist`); one that needs an inbox is left out where the page has none.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.core import checks
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Section:
    """One entry of the settings navigation.

    `needs` names the URL arguments taken from the page; the entry is shown only where all of them are known, and to
    admins alone where the page is refused to others.
    """

    url_name: str
    label: str | Promise
    icon: str
    needs: tuple[str, ...] = ("organization_slug",)
    admins_only: bool = False


@dataclass(frozen=True)
class SectionGroup:
    """Sections under one heading; an empty heading shows none."""

    label: str | Promise
    sections: tuple[Section, ...]


@dataclass(frozen=True)
class Link:
    """A section resolved for one page."""

    url: str
    label: str | Promise
    icon: str
    current: bool


@dataclass(frozen=True)
class LinkGroup:
    """A group with at least one link."""

    label: str | Promise
    links: tuple[Link, ...]


INBOX = ("organization_slug", "inbox")

SETTINGS: tuple[SectionGroup, ...] = (
    SectionGroup(
        _("Organization"),
        (
            Section("inboxes:index", _("Inboxes"), "inbox"),
            Section("organizations:members", _("Users"), "users", admins_only=True),
            Section("forwarding:ledger", _("Did the mail arrive?"), "mail-search", admins_only=True),
        ),
    ),
    SectionGroup(
        _("Inbox"),
        (
            Section("inboxes:general", _("General"), "sliders-horizontal", INBOX, admins_only=True),
            Section("inboxes:receive", _("Send & receive"), "arrow-left-right", INBOX),
            Section("inboxes:signature", _("Signature"), "signature", INBOX, admins_only=True),
        ),
    ),
    SectionGroup(
        _("My profile"),
        (
            Section("organizations:profile", _("Profile"), "user-round"),
            Section("account_email", _("Email address"), "at-sign", ()),
            Section("account_change_password", _("Password"), "key-round", ()),
            Section("mfa_index", _("Two-step log-in"), "smartphone", ()),
        ),
    ),
)


def _link(section: Section, arguments: Mapping[str, object], path: str) -> Link | None:
    if any(name not in arguments for name in section.needs):
        return None
    url = reverse(section.url_name, kwargs={name: arguments[name] for name in section.needs})
    return Link(url, section.label, section.icon, current=path.startswith(url))


def _longest_only(links: Iterable[Link]) -> tuple[Link, ...]:
    """Keep one entry current: where several URLs are a prefix of the path, the longest names the page."""
    links = tuple(links)
    longest = max((len(link.url) for link in links if link.current), default=0)
    return tuple(Link(link.url, link.label, link.icon, link.current and len(link.url) == longest) for link in links)


@checks.register(checks.Tags.urls)
def entries_exist(**named: object) -> list[checks.CheckMessage]:
    """Find entries that lead nowhere. Every management command asks, `migrate` before each start among them."""
    return [
        checks.Error(f"The settings navigation names {section.url_name!r}, which is no URL.", id="kundomail.E001")
        for group in SETTINGS
        for section in group.sections
        if not _leads_somewhere(section)
    ]


def _leads_somewhere(section: Section) -> bool:
    try:
        reverse(section.url_name, kwargs=dict.fromkeys(section.needs, 1))
    except NoReverseMatch:
        return False
    return True


def settings_links(arguments: Mapping[str, object], path: str, *, is_admin: bool = True) -> list[LinkGroup]:
    """Resolve SETTINGS for one page: URL arguments by name (`organization_slug`, `inbox`), the path being shown, the reader."""
    shown = [(group, [each for each in group.sections if is_admin or not each.admins_only]) for group in SETTINGS]
    found = [(group, [_link(section, arguments, path) for section in sections]) for group, sections in shown]
    links = [(group, [link for link in row if link is not None]) for group, row in found]
    kept = iter(_longest_only(link for _group, row in links for link in row))
    return [LinkGroup(group.label, tuple(next(kept) for _link in row)) for group, row in links if row]
