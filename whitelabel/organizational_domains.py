"""Organizational domains (RFC 7489 section 3.2), and the domains whose mailboxes belong to strangers of each other."""

from functools import cache, lru_cache
from pathlib import Path

from publicsuffixlist import PublicSuffixList

FREE_MAIL_FILE = Path(__file__).parent / "data" / "free_mail_domains.txt"
"""Domains of mail services and access providers: one domain says nothing about one company."""


@cache
def free_mail_domains() -> frozenset[str]:
    """The domains of FREE_MAIL_FILE."""
    lines = FREE_MAIL_FILE.read_text(encoding="ascii").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


@cache
def suffixes(*, only_icann: bool = False) -> PublicSuffixList:
    """The public suffix list; `only_icann` without its private section, such as github.io."""
    return PublicSuffixList(only_icann=only_icann)


@lru_cache(maxsize=10_000)
def organizational_domain(domain: str) -> str:
    """The registrable domain above `domain` (A-label or U-label, any case); the domain itself when there is none."""
    name = domain.strip().rstrip(".").lower()
    try:
        return str(suffixes().privatesuffix(name) or name)
    except (ValueError, UnicodeError):
        return name


def domain_of(address: str) -> str:
    """The domain of an address in lower case; empty without one."""
    return address.rpartition("@")[2].strip().rstrip(".").lower() if "@" in address else ""


def company_domain(address: str) -> str:
    """The organizational domain of an address, or "" where it is a free-mail service and so no company's."""
    return _company(domain_of(address))


def of_one_company(domain: str, other: str) -> bool:
    """Whether two domains are of one organization, and their mailboxes not of strangers to each other."""
    return _company(domain) == _company(other) != ""


def _company(domain: str) -> str:
    organization = organizational_domain(domain)
    return "" if {domain.strip().rstrip(".").lower(), organization} & free_mail_domains() else organization
