"""Mail addresses of customers and the service-address keys they are forwarded to.

A service address is `<key>@<mail domain>`. The key is a row that is looked up, never decoded: `info.it.lillestad.se`
can be read in two ways. This module owns its spelling from both ends: the suggestion made when an inbox is created,
and the normalising of an SMTP recipient before the look-up. It is pure; whether a key is taken is asked through a
callable.
"""

import base64
import enum
import hashlib
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

import idna
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from email_validator import EmailNotValidError, validate_email

MAX_KEY_OCTETS = 64
"""A local part, RFC 5321 section 4.5.3.1.1."""

HASHED_KEY_OCTETS = 40
"""Length of the hash form: leaves room for a reply tag behind it (whitelabel.tokens.MAX_TAGGED_KEY_OCTETS)."""

MAX_RECIPIENT_OCTETS = 256
"""A path, RFC 5321 section 4.5.3.1.3."""

OPERATOR_NAMES = frozenset({"postmaster", "abuse"})
"""Always accepted, with or without our domain (RFC 5321 section 4.5.1, RFC 2142), and read by the operator."""

RESERVED_NAMES = frozenset(
    [
        "admin",
        "administrator",
        "webmaster",
        "hostmaster",
        "postmaster",
        "abuse",
        "ssladmin",
        "sslwebmaster",
        "root",
        "security",
        "noc",
        "is",
        "it",
        "mailer-daemon",
        "mail-daemon",
        "daemon",
        "noreply",
        "no-reply",
        "verify",
        "bounce",
        "bounces",
        "www",
        "ftp",
        "usenet",
        "news",
        "uucp",
    ]
)
"""Names that prove control of a domain to others (certificate authorities, RFC 2142) or that belong to mail systems."""

_HASH_CHARACTERS = 8
_PLAIN_KEY = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
_ISSUED_WITHOUT_DOT = re.compile(r"i-[a-z2-7]{13}|.{1,31}-[a-z2-7]{8}")
_RETURN_PATH = re.compile(r"b\.[a-z2-7]{26}\.[a-z2-7]{16}")
_FORBIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_DOT_ATOM = re.compile(r"[\w!#$%&'*/=?^`{|}~+-]+(?:\.[\w!#$%&'*/=?^`{|}~+-]+)*")

_CYRILLIC_LOOKALIKES = frozenset("асԁеһіјӏорԛѕԝхуѵгпьк")
_GREEK_LOOKALIKES = frozenset("αεικνορτυωχγ")


class AddressRefused(ValueError):
    """The text is not an address an inbox can have. `code` is stable; `explanation` is for people (lazy gettext)."""

    def __init__(self, code: str, explanation: str | Promise) -> None:
        super().__init__(code)
        self.code = code
        self.explanation = explanation


@dataclass(frozen=True)
class CustomerAddress:
    """A customer's own address, `jobb@lillestad.se`.

    `local_part` keeps its case; `domain` is the A-label form in lower case, `display_domain` the U-label form.
    """

    local_part: str
    domain: str
    display_domain: str

    @property
    def canonical(self) -> str:
        """The form that is unique: lower-case local part, A-label domain."""
        return f"{self.local_part.lower()}@{self.domain}"

    @property
    def display(self) -> str:
        """The form people read, with å ä ö in the domain."""
        return f"{self.local_part}@{self.display_domain}"


def normalise_address(text: str, *, allow_test_domains: bool = False) -> CustomerAddress:
    """Return the address in `text`; raises AddressRefused with a reason.

    Invisible characters from copying and one trailing dot are dropped. A domain whose letters come from mixed
    scripts, or imitate Latin letters, is refused. `allow_test_domains` admits the reserved domain `.test`.
    """
    cleaned = _visible(unicodedata.normalize("NFC", text)).strip().removesuffix(".")
    if len(cleaned.encode("utf-8", "replace")) > MAX_RECIPIENT_OCTETS - 2:
        raise AddressRefused("too_long", _("The address is too long to be an email address."))
    try:
        found = validate_email(cleaned, check_deliverability=False, test_environment=allow_test_domains)
    except EmailNotValidError as error:
        raise AddressRefused("invalid", _("This is not a complete email address. Check the spelling.")) from error
    if unicodedata.normalize("NFKC", found.local_part) != found.local_part:
        raise AddressRefused("lookalike", _LOOKALIKE)
    for label in (*found.domain.split("."), found.local_part):
        _refuse_lookalikes(label)
    return CustomerAddress(found.local_part, found.ascii_domain.lower(), found.domain)


_LOOKALIKE = _("The address contains letters that look like others. Type it by hand with an ordinary keyboard.")


def _visible(text: str) -> str:
    """Drop format characters (zero-width space, bidi marks, soft hyphen, BOM) that people copy without seeing them."""
    return "".join(character for character in text if unicodedata.category(character) != "Cf")


def _refuse_lookalikes(label: str) -> None:
    letters = [character for character in label if character.isalpha()]
    scripts = {unicodedata.name(letter, "UNKNOWN").split()[0] for letter in letters}
    imitates = letters and all(letter in _CYRILLIC_LOOKALIKES or letter in _GREEK_LOOKALIKES for letter in letters)
    phonetic = any("\u0250" <= letter <= "\u02af" for letter in letters)
    if imitates or phonetic or ("LATIN" in scripts and len(scripts) > 1):
        raise AddressRefused("lookalike", _LOOKALIKE)


# --- suggesting a key ----------------------------------------------------------------------------------------------


def readable(address: str) -> str:
    """The form people read of a canonical address: the domain as U-labels."""
    local_part, _at, domain = address.rpartition("@")
    try:
        return f"{local_part}@{idna.decode(domain)}"
    except idna.IDNAError:
        return address


def suggest_local_key(address: CustomerAddress, organization_id: int, taken: Callable[[str], bool]) -> str:
    """Return a free key for `address`: `jobb.lillestad.se` where possible, else a readable start and a hash.

    `taken(key)` tells whether any organization has or had the key. The hash form depends on the organization, so
    that two organizations never compete for it.
    """
    plain = f"{_without_diacritics(address.local_part)}.{address.domain}"
    if _may_be_suggested(plain) and not taken(plain):
        return plain
    attempt = 0
    while taken(key := _hashed_key(address, organization_id, attempt)):
        attempt += 1
    return key


def is_reserved(key: str) -> bool:
    """Whether no inbox may have the key: names of authority, DNS names of ours, return paths, bare words."""
    bare_word = "." not in key and not _ISSUED_WITHOUT_DOT.fullmatch(key)
    return key in RESERVED_NAMES or "_domainkey" in key or bare_word or _RETURN_PATH.fullmatch(key) is not None


def _may_be_suggested(key: str) -> bool:
    return len(key) <= MAX_KEY_OCTETS and _PLAIN_KEY.fullmatch(key) is not None and not is_reserved(key)


def _without_diacritics(local_part: str) -> str:
    """`Ansökan` → `ansokan`. Letters without an ASCII base stay, and then lead to the hash form."""
    lowered = local_part.lower().replace("ø", "o").replace("æ", "ae").replace("ß", "ss")
    decomposed = unicodedata.normalize("NFD", lowered)
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def _hashed_key(address: CustomerAddress, organization_id: int, attempt: int) -> str:
    text = f"{organization_id}\0{address.canonical}" + (f"\0{attempt}" if attempt else "")
    digest = base64.b32encode(hashlib.sha256(text.encode()).digest()).decode().lower()[:_HASH_CHARACTERS]
    readable = re.sub(r"[^a-z0-9.-]", "", f"{_without_diacritics(address.local_part)}.{address.domain}")
    start = re.sub(r"\.{2,}", ".", readable).lstrip(".-")[: HASHED_KEY_OCTETS - _HASH_CHARACTERS - 1].rstrip(".-")
    return f"{start}-{digest}"


# --- matching a recipient ------------------------------------------------------------------------------------------


class RecipientKind(enum.Enum):
    """What an SMTP recipient can be, before any row is looked up."""

    KEY = "key"
    """May exist: look the key up. Return paths (whitelabel.tokens) have this kind too."""
    OPERATOR = "operator"
    """postmaster and abuse: always accepted."""
    RESERVED = "reserved"
    """A name no inbox may have: 550 5.1.1."""
    UNKNOWN = "unknown"
    """Well-formed, but no key can look like this: 550 5.1.1."""
    FOREIGN = "foreign"
    """Another domain; nothing is relayed: 550 5.7.1."""
    MALFORMED = "malformed"
    """No address, or with characters no address has: 553 5.1.3."""


@dataclass(frozen=True)
class Recipient:
    """A recipient of SMTP: its kind, and the parts it was read from (empty when malformed)."""

    kind: RecipientKind
    key: str = ""
    tag: str = ""
    domain: str = ""


def match_key(argument: str, mail_domain: str) -> Recipient:
    """Classify the argument of RCPT TO (with or without `<>`) for the domain `mail_domain`.

    KEY carries the normalised key to look up and the tag behind the first `+` (case kept). Nothing is ever relayed:
    other domains are FOREIGN; keys that cannot exist (`a%b`, `a!b`, quoted specials, doubled dots) are UNKNOWN.
    """
    path = split_path(argument)
    if path is None:
        return Recipient(RecipientKind.MALFORMED)
    local_part, domain = path
    key, _plus, tag = local_part.partition("+")
    key = _folded(key)
    kind = _kind(key, local_part, domain, _folded_domain(mail_domain))
    return Recipient(kind, key, tag, domain)


def split_path(argument: str) -> tuple[str, str] | None:
    """Return local part (unquoted, NFC, case kept) and domain (lower-case A-label) of a path, or None if malformed.

    Drops a source route (RFC 5321 section 4.1.2), comments around the local part and one trailing dot; a domain-less
    `postmaster` has the domain "".
    """
    text = unicodedata.normalize("NFC", argument.strip(" "))
    text = text.removeprefix("<").removesuffix(">")
    if _has_forbidden(text) or len(text.encode("utf-8", "replace")) > MAX_RECIPIENT_OCTETS:
        return None
    if text.startswith("@"):
        text = text.partition(":")[2]
    local_part, domain = _split_at_domain(text)
    local_part = _unquoted(_without_comments(local_part))
    if not local_part or (not domain and local_part.lower() not in OPERATOR_NAMES):
        return None
    return local_part, _folded_domain(domain)


def _kind(key: str, local_part: str, domain: str, mail_domain: str) -> RecipientKind:
    if domain not in ("", mail_domain):
        return RecipientKind.FOREIGN
    if key in OPERATOR_NAMES:
        return RecipientKind.OPERATOR
    if _PLAIN_KEY.fullmatch(key) is None or len(local_part.encode()) > MAX_KEY_OCTETS:
        return RecipientKind.UNKNOWN
    if is_reserved(key) and not _RETURN_PATH.fullmatch(key):
        return RecipientKind.RESERVED
    return RecipientKind.KEY


def _has_forbidden(text: str) -> bool:
    """Controls, bidi and other invisible marks, lone surrogates, separators, and angle brackets inside the path."""
    return any(c in "<>" or unicodedata.category(c) in _FORBIDDEN_CATEGORIES for c in text)


def _split_at_domain(text: str) -> tuple[str, str]:
    """Split at the last `@` outside quotes; without one the domain is empty."""
    if text.startswith('"'):
        end = text.rfind('"')
        rest = text[end + 1 :]
        return (text[: end + 1], rest[1:]) if rest.startswith("@") and end > 0 else (text if not rest else "", "")
    local_part, _at, domain = text.rpartition("@")
    return (local_part, domain) if _at else (text, "")


def _without_comments(local_part: str) -> str:
    """Drop one balanced comment before or after a local part: `(c)jobb` → `jobb`."""
    if local_part.startswith("(") and ")" in local_part:
        local_part = local_part.partition(")")[2]
    if local_part.endswith(")") and "(" in local_part:
        local_part = local_part.rpartition("(")[0]
    return local_part.strip(" ")


def _unquoted(local_part: str) -> str:
    """Remove quotes around a dot-atom; any other quoted string keeps them, and so matches no key."""
    if len(local_part) > 2 and local_part[0] == local_part[-1] == '"':
        inner = re.sub(r"\\(.)", r"\1", local_part[1:-1])
        return inner if _DOT_ATOM.fullmatch(inner) else local_part
    return "" if local_part.startswith('"') else local_part


def _folded(key: str) -> str:
    """Lower-case ASCII; labels with other letters become A-labels, so that `jobb.östersund.se` finds its ASCII key."""
    if key.isascii():
        return key.lower()
    return ".".join(_folded_label(label) for label in key.split("."))


def _folded_label(label: str) -> str:
    if label.isascii():
        return label.lower()
    try:
        return idna.encode(label, uts46=True).decode()
    except idna.IDNAError:
        return label


def _folded_domain(domain: str) -> str:
    return _folded(domain.removesuffix("."))
