"""Customer addresses and service-address keys: one spelling, looked up and never decoded."""

import contextlib
import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inboxes.addressing import (
    AddressRefused,
    CustomerAddress,
    RecipientKind,
    is_reserved,
    match_key,
    normalise_address,
    readable,
    suggest_local_key,
)
from whitelabel import tokens

OURS = "mail.kundo.se"


def free(key: str) -> bool:
    return False


def suggest(address: str, organization_id: int = 1, taken=free) -> str:
    return suggest_local_key(normalise_address(address), organization_id, taken)


# --- the customer's address ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed",
    [
        "jobb@lillestad.se",
        " Jobb@LILLESTAD.se ",
        "jobb@lillestad.se.",
        "jobb@lillestad.se\u200b",
        "\ufeffjobb@lille\u00adstad.se",
    ],
)
def test_spellings_of_one_address_are_one_address(typed):
    assert normalise_address(typed).canonical == "jobb@lillestad.se"


def test_an_international_domain_is_the_same_in_both_forms():
    unicode_form, ascii_form = normalise_address("jobb@Östersund.se"), normalise_address("jobb@xn--stersund-m4a.se")
    assert unicode_form == ascii_form == CustomerAddress("jobb", "xn--stersund-m4a.se", "östersund.se")
    assert ascii_form.display == "jobb@östersund.se"


def test_decomposed_letters_are_composed():
    assert normalise_address("anso\u0308kan@lillestad.se").canonical == "ansökan@lillestad.se"


@pytest.mark.parametrize(
    "typed",
    [
        "jobb@l\u0456llestad.se",
        "j\u043ebb@lillestad.se",
        "jobb@\u0440\u0430\u0443\u0440\u0430.se",
        "jobb@li\u0251lestad.se",
        "\uff4aobb@lillestad.se",
        "jobb@\u03b1\u03b5\u03bf.se",
    ],
)
def test_look_alike_letters_are_refused(typed):
    with pytest.raises(AddressRefused) as refusal:
        normalise_address(typed)
    assert refusal.value.code == "lookalike"


def test_an_ordinary_cyrillic_domain_is_allowed():
    assert normalise_address("info@\u0434\u0436\u0438.se").domain.startswith("xn--")


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "jobb",
        "jobb@",
        "@lillestad.se",
        "jobb@lillestad",
        "a@b@c.se",
        "jobb@[127.0.0.1]",
        "jobb@localhost",
        "j obb@x.se",
        "jobb@x\r\n.se",
    ],
)
def test_what_is_not_an_address_is_refused(typed):
    with pytest.raises(AddressRefused) as refusal:
        normalise_address(typed)
    assert refusal.value.code == "invalid"


def test_an_overlong_address_is_refused_with_its_own_reason():
    with pytest.raises(AddressRefused) as refusal:
        normalise_address("a" * 300 + "@lillestad.se")
    assert refusal.value.code == "too_long"


def test_test_domains_are_allowed_only_when_asked_for():
    assert normalise_address("jobb@lillestad.test", allow_test_domains=True).domain == "lillestad.test"
    with pytest.raises(AddressRefused):
        normalise_address("jobb@lillestad.test")


@given(st.text(max_size=120))
def test_any_text_is_an_address_or_is_refused(text):
    with contextlib.suppress(AddressRefused):
        assert normalise_address(text).domain.isascii()


# --- suggesting a key ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("jobb@lillestad.se", "jobb.lillestad.se"),
        ("Anna.Karlsson@Skola.lillestad.se", "anna.karlsson.skola.lillestad.se"),
        ("ansökan@lillestad.se", "ansokan.lillestad.se"),
        ("jobb@östersund.se", "jobb.xn--stersund-m4a.se"),
        ("admin@lillestad.se", "admin.lillestad.se"),
    ],
)
def test_the_suggested_key_reads_as_the_address(address, key):
    assert suggest(address) == key


def test_two_addresses_with_one_reading_get_two_keys():
    first = suggest("info@it.lillestad.se")
    second = suggest("info.it@lillestad.se", taken={first}.__contains__)
    assert first == "info.it.lillestad.se"
    assert second.startswith("info.it.lillestad.se-")


@pytest.mark.parametrize(
    "address",
    [
        "kontaktcenter.socialtjansten-och-omsorgsforvaltningen@sodertaljekommun.se",
        "jobb+sommar@lillestad.se",
        "o'neill@lillestad.se",
        "почта@lillestad.se",
        "x_domainkey@lillestad.se",
    ],
)
def test_what_cannot_be_a_plain_key_gets_a_readable_start_and_a_hash(address):
    key = suggest(address)
    assert len(key) <= 40
    assert key[-9] == "-"
    assert match_key(f"<{key}@{OURS}>", OURS).kind is RecipientKind.KEY


def test_the_hash_form_differs_between_organizations():
    assert suggest("jobb+a@lillestad.se", 1) != suggest("jobb+a@lillestad.se", 2)


def test_a_taken_hash_form_is_never_suggested_again():
    taken = {suggest("jobb+a@lillestad.se")}
    assert suggest("jobb+a@lillestad.se", taken=taken.__contains__) not in taken


def test_an_address_shaped_like_a_return_path_gets_the_hash_form():
    assert suggest(f"b@{'a' * 26}.{'b' * 16}").startswith("b.")
    assert len(suggest(f"b@{'a' * 26}.{'b' * 16}")) == 40


local_parts = st.from_regex(r"[a-z0-9åäö]{1,20}([._+-][a-z0-9åäö]{1,20}){0,3}", fullmatch=True).filter(
    lambda p: len(p.encode()) < 64
)
domains = st.from_regex(r"([a-zåäö]([a-zåäö0-9-]{0,20}[a-z])?\.){1,3}(se|com|nu)", fullmatch=True).filter(
    lambda d: "--" not in d
)


@given(local_parts, domains, st.booleans())
def test_every_suggested_key_is_found_again_at_rcpt(local_part, domain, plain_is_taken):
    refused = []

    def taken(key):
        refused.append(key)
        return plain_is_taken and len(refused) == 1

    key = suggest_local_key(normalise_address(f"{local_part}@{domain}"), 1, taken)
    tag = "Tag" if len(key) <= 40 else ""
    matched = match_key(f"<{key.upper()}{tag and '+'}{tag}@MAIL.kundo.se.>", OURS)
    assert (matched.kind, matched.key, matched.tag) == (RecipientKind.KEY, key, tag)


@pytest.mark.parametrize(
    "key",
    [
        "admin",
        "administrator",
        "webmaster",
        "hostmaster",
        "postmaster",
        "abuse",
        "ssladmin",
        "root",
        "security",
        "noc",
        "jobb",
        "x._domainkey.y",
        "b.aaaaaaaaaaaaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbb",
    ],
)
def test_names_of_authority_are_reserved(key):
    assert is_reserved(key)


@pytest.mark.parametrize("key", ["i-abcdefghijk23", "kontaktcenterforskolan-abcdef23", "admin.lillestad.se"])
def test_issued_keys_are_not_reserved(key):
    assert not is_reserved(key)


# --- matching a recipient ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "argument",
    [
        "<jobb.lillestad.se@mail.kundo.se>",
        "jobb.lillestad.se@mail.kundo.se",
        "<JOBB.Lillestad.SE@Mail.Kundo.SE.>",
        '<"jobb.lillestad.se"@mail.kundo.se>',
        '<"jobb.lille\\stad.se"@mail.kundo.se>',
        "<@relay.example:jobb.lillestad.se@mail.kundo.se>",
        "<@r1.example,@r2.example:jobb.lillestad.se@mail.kundo.se>",
        "<(c)jobb.lillestad.se@mail.kundo.se>",
        "<jobb.lillestad.se@mail.kundo.se",
    ],
)
def test_spellings_of_one_recipient_find_one_key(argument):
    recipient = match_key(argument, OURS)
    assert (recipient.kind, recipient.key, recipient.tag) == (RecipientKind.KEY, "jobb.lillestad.se", "")


def test_the_tag_begins_at_the_first_plus():
    recipient = match_key("<jobb.lillestad.se+cABC+d@mail.kundo.se>", OURS)
    assert (recipient.key, recipient.tag) == ("jobb.lillestad.se", "cABC+d")


def test_the_international_form_of_a_key_finds_the_ascii_key():
    assert match_key("<jobb.Östersund.se@mail.kundo.se>", OURS).key == "jobb.xn--stersund-m4a.se"
    assert match_key("<jobb.o\u0308stersund.se@mail.kundo.se>", OURS).key == "jobb.xn--stersund-m4a.se"


@pytest.mark.parametrize(
    "argument",
    [
        "<postmaster>",
        "<Postmaster@mail.kundo.se>",
        "<ABUSE@mail.kundo.se>",
        "<abuse+x@mail.kundo.se>",
        '<"postmaster">',
    ],
)
def test_postmaster_and_abuse_go_to_the_operator(argument):
    assert match_key(argument, OURS).kind is RecipientKind.OPERATOR


@pytest.mark.parametrize(
    "argument",
    ["<admin@mail.kundo.se>", "<AdMin+x@mail.kundo.se>", "<hostmaster@mail.kundo.se>", "<jobb@mail.kundo.se>"],
)
def test_reserved_names_reach_no_inbox(argument):
    assert match_key(argument, OURS).kind is RecipientKind.RESERVED


@pytest.mark.parametrize(
    "argument",
    [
        "<a@evil.example>",
        "<@mail.kundo.se:a@evil.example>",
        "<a@[127.0.0.1]>",
        "<postmaster@evil.example>",
        "<a@mail.kundo.se.evil.example>",
    ],
)
def test_other_domains_are_foreign(argument):
    assert match_key(argument, OURS).kind is RecipientKind.FOREIGN


@pytest.mark.parametrize(
    "argument",
    [
        "<a%evil.example@mail.kundo.se>",
        "<evil.example!a@mail.kundo.se>",
        '<"a@evil.example"@mail.kundo.se>',
        "<jobb..lillestad.se@mail.kundo.se>",
        "<.jobb.se@mail.kundo.se>",
        "<jobb.se.@mail.kundo.se>",
        '<"jobb lillestad"@mail.kundo.se>',
        f"<{'a.b' * 22}@mail.kundo.se>",
        "<åäö@mail.kundo.se>",
    ],
)
def test_what_no_key_can_look_like_is_unknown(argument):
    assert match_key(argument, OURS).kind in (RecipientKind.UNKNOWN, RecipientKind.RESERVED)


@pytest.mark.parametrize(
    "argument",
    [
        "",
        "<>",
        "<@>",
        "<@mail.kundo.se>",
        "<jobb>",
        "<a\r@b.example>",
        '<"a\rX: y"@mail.kundo.se>',
        "<a\0@mail.kundo.se>",
        "<\u202ea@mail.kundo.se>",
        "<a\u200bb.se@mail.kundo.se>",
        "<a\udc80@mail.kundo.se>",
        '<"a\\',
        '<"a.b@mail.kundo.se>',
        f"<{'a' * 300}@mail.kundo.se>",
        "<a.b@mail.kundo.se> <c.d@mail.kundo.se>",
    ],
)
def test_what_is_no_address_is_malformed(argument):
    assert match_key(argument, OURS).kind is RecipientKind.MALFORMED


def test_a_signed_reply_address_is_split_into_key_and_tag():
    keys = tokens.TokenKeys(b"k" * 32)
    local_part = tokens.sign_reply(keys, tokens.ReplyToken(1, "jobb.lillestad.se", 99))
    recipient = match_key(f"<{local_part.upper()}@{OURS}>", OURS)
    assert tokens.read_reply(keys, 1, recipient.key, recipient.tag) is not None


def test_a_return_path_is_passed_on_as_a_key():
    keys = tokens.TokenKeys(b"k" * 32)
    recipient = match_key(f"<{tokens.sign_verp(keys, tokens.VerpToken(1, 2, 3))}@{OURS}>", OURS)
    assert recipient.kind is RecipientKind.KEY
    assert tokens.read_verp(keys, recipient.key) == tokens.VerpToken(1, 2, 3)


@given(st.text(alphabet=st.characters(), max_size=300))
def test_any_argument_has_a_kind(argument):
    assert isinstance(match_key(argument, OURS).kind, RecipientKind)


@given(st.text(alphabet=string.ascii_letters + '<>@."\\()+%!:,;[] åĳ', max_size=80))
def test_a_key_is_always_in_its_one_spelling(argument):
    recipient = match_key(argument, OURS)
    if recipient.kind is RecipientKind.KEY:
        assert match_key(f"{recipient.key}@{OURS}", OURS) == recipient.__class__(
            RecipientKind.KEY, recipient.key, "", OURS
        )


def test_random_addresses_never_hit_the_keys_of_two_colliding_organizations():
    names = ["jobb", "info", "info.it", "skola", "bygg", "kultur", "fritid", "ansokan"]
    issued: dict[str, int] = {}
    for organization_id in (1, 2):
        for name in names:
            issued[suggest(f"{name}@it.lillestad.se", organization_id, issued.__contains__)] = organization_id
    assert len(issued) == 16
    for number in range(100_000):
        key = match_key(f"<{names[number % 8]}.{number:x}.lillestad.se@{OURS}>", OURS).key
        assert key not in issued


def test_a_hostile_argument_takes_no_time():
    started = time.process_time()
    for _ in range(100):
        match_key('<"' + "\\" * 60_000 + '"@mail.kundo.se>', OURS)
        match_key("<" + "a." * 120 + "@mail.kundo.se>", OURS)
    assert time.process_time() - started < 5


def test_an_address_is_read_with_the_letters_of_its_domain():
    assert readable("räksmörgås@xn--hlla-qoa.se") == "räksmörgås@hålla.se"
    assert readable("jobb@lillestad.se") == "jobb@lillestad.se"
    assert readable("jobb@xn--.se") == "jobb@xn--.se"
