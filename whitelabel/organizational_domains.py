"""Organizational domains (RFC 7489 section 3.2), and the domains whose mailboxes belong to strangers of each other."""

from functools import cache, lru_cache

from publicsuffixlist import PublicSuffixList

FREE_MAIL = frozenset(
    [
        "gmail.com", "googlemail.com", "hotmail.com", "hotmail.se", "outlook.com", "outlook.se", "live.com",
        "live.se", "msn.com",
        "yahoo.com", "yahoo.se", "ymail.com", "rocketmail.com", "icloud.com", "me.com", "mac.com", "aol.com",
        "proton.me",
        "protonmail.com", "pm.me", "tutanota.com", "tuta.com", "gmx.com", "gmx.de", "gmx.net", "gmx.at", "gmx.ch",
        "web.de", "mail.com",
        "mail.ru", "yandex.ru", "yandex.com", "fastmail.com", "zoho.com", "hey.com", "t-online.de", "freenet.de",
        "orange.fr",
        "wanadoo.fr", "free.fr", "laposte.net", "libero.it", "wp.pl", "o2.pl", "onet.pl", "interia.pl", "seznam.cz",
        "qq.com", "163.com",
        "telia.com", "comhem.se", "bredband.net", "bredband2.com", "tele2.se", "spray.se", "passagen.se", "home.se",
        "swipnet.se",
        "bahnhof.se", "ownit.se", "glocalnet.net", "mailbox.org", "online.no", "broadpark.no", "tdc.dk", "mail.dk",
        "jubii.dk",
        "ofir.dk", "elisanet.fi", "kolumbus.fi", "luukku.com", "suomi24.fi", "welho.com", "pp.inet.fi", "mail.se",
        "minmail.se",
    ]
)  # fmt: skip
"""Organizational domains of mail services and access providers: one domain says nothing about one company."""


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


@lru_cache(maxsize=10_000)
def organizational_domain(domain: str) -> str:
    """The registrable domain above `domain` (A-label or U-label, any case); the domain itself when there is none."""
    name = domain.strip().rstrip(".").lower()
    try:
        return str(_suffixes().privatesuffix(name) or name)
    except (ValueError, UnicodeError):
        return name


def domain_of(address: str) -> str:
    """The domain of an address in lower case; empty without one."""
    return address.rpartition("@")[2].strip().rstrip(".").lower() if "@" in address else ""


def company_domain(address: str) -> str:
    """The organizational domain of an address, or "" where it is a free-mail service and so no company's."""
    organization = organizational_domain(domain_of(address))
    return "" if organization in FREE_MAIL else organization


def of_one_company(domain: str, other: str) -> bool:
    """Whether two domains are of one organization, and their mailboxes not of strangers to each other."""
    organization = organizational_domain(domain)
    return organization == organizational_domain(other) and organization not in FREE_MAIL
