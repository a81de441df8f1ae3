"""Which domains can be sender domains at all, and which labels are tried for the subdomain."""

from __future__ import annotations

import re

from django.conf import settings
from django.utils.translation import gettext as _

from whitelabel import dmarc
from whitelabel.organizational_domains import free_mail_domains
from whitelabel.records import ClaimFacts, UnusableName, expected_records, unicode_name

MOST_LABELS = 9
"""mgeu, mgeu2 … mgeu9: beyond that somebody should look."""
LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,18}[a-z0-9])?")
# Names that others use or that programs look up by themselves (design 2f).
MISLEADING_LABELS = frozenset(
    "mail smtp imap pop mg em send bounce email news go t click www autodiscover autoconfig enterpriseenrollment "
    "enterpriseregistration lyncdiscover sip mta-sts ns1 ns2 mx ftp".split()
)
LONGEST_KEY = "x" * 392  # base64 of an RSA-2048 key


def refusal(domain: str) -> str:
    """Why a domain (A-label) can never be a sender domain, in the active language; "" when it can."""
    names = {"domain": unicode_name(domain), "support": settings.SUPPORT_ADDRESS}
    if "." not in domain or domain.replace(".", "").isdigit():
        return _("%(domain)s is not a domain that mail can be sent from. Use the domain of your own address.") % names
    if _is_ours(domain):
        return _("%(domain)s belongs to the service itself. Use the domain of your own address.") % names
    if domain in free_mail_domains():
        return (
            _(
                "%(domain)s belongs to a mail provider, so you cannot publish records there. Mail from this inbox leaves "
                "from the service address; answers still go to your own."
            )
            % names
        )
    if dmarc.is_public_suffix(domain):
        return (
            _("%(domain)s is shared by many organizations, so nobody can claim it. Use your own domain below it.")
            % names
        )
    if _is_too_long(domain):
        return (
            _("%(domain)s is too long: the names of the records would not fit into DNS. Write to %(support)s.") % names
        )
    return ""


def labels() -> tuple[str, ...]:
    """The labels to try for the subdomain, the preferred one first."""
    preferred = settings.SENDER_SUBDOMAIN_LABEL
    return (preferred, *(f"{preferred}{number}" for number in range(2, MOST_LABELS + 1)))


def label_refusal(label: str, domain: str) -> str:
    """Why a label cannot be the subdomain's, in the active language; "" when it can (if it is free)."""
    if not LABEL.fullmatch(label):
        return _("A subdomain may hold letters a–z, digits and hyphens between them, at most 20 characters.")
    if label in MISLEADING_LABELS:
        text = _("%(label)s is a name that mail programs or other services look for. Choose another one.")
        return text % {"label": label}
    return refusal(domain)


def _is_ours(domain: str) -> bool:
    own = (settings.MAIL_DOMAIN, *settings.SENDER_OWN_DOMAINS)
    return any(domain == name or domain.endswith(f".{name}") for name in own)


def _is_too_long(domain: str) -> bool:
    facts = ClaimFacts(domain, labels()[-1], "x" * 26, (("k1", LONGEST_KEY),), settings.MAIL_DOMAIN)
    try:
        expected_records(facts, exact_domain=True)
    except UnusableName:
        return True
    return False
