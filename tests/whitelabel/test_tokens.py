"""Signed tokens: only the exact token of the right organization, purpose and key generation is believed."""

import string
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whitelabel import tokens
from whitelabel.tokens import (
    LoopToken,
    MarkerToken,
    MessageIdToken,
    ReplyToken,
    SubjectToken,
    TokenKeys,
    TokenTooLong,
    VerpToken,
)

OLD_SECRET = b"o" * 32
NEW_SECRET = b"n" * 32
KEYS = TokenKeys(NEW_SECRET, OLD_SECRET)
KEY = "jobb.lillestad.se"

ids = st.integers(min_value=0, max_value=2**48 - 1)
organizations = st.integers(min_value=1, max_value=2**32 - 1)
service_keys = st.text(string.ascii_lowercase + string.digits + ".-_", min_size=1, max_size=40)

Reader = Callable[[TokenKeys, int, str], object]
"""Reads a written token on behalf of an organization; the token's value, or None (or an empty tuple) when refused."""


def read_reply(keys: TokenKeys, organization_id: int, text: str) -> object:
    key, _, tag = text.partition("+")
    return tokens.read_reply(keys, organization_id, key, tag)


def read_verp(keys: TokenKeys, organization_id: int, text: str) -> object:
    token = tokens.read_verp(keys, text)
    return token if token is None or token.organization_id == organization_id else None


def read_loop(keys: TokenKeys, organization_id: int, text: str) -> object:
    token = tokens.read_loop(keys, text)
    return token if token is None or token.organization_id == organization_id else None


KINDS: dict[str, tuple[Callable[[TokenKeys], str], Reader, object]] = {
    "reply": (lambda keys: tokens.sign_reply(keys, ReplyToken(7, KEY, 815)), read_reply, ReplyToken(7, KEY, 815)),
    "verp": (lambda keys: tokens.sign_verp(keys, VerpToken(7, 815, 42)), read_verp, VerpToken(7, 815, 42)),
    "message-id": (
        lambda keys: tokens.sign_message_id(keys, MessageIdToken(7, 815, 42)),
        tokens.read_message_id,
        MessageIdToken(7, 815, 42),
    ),
    "marker": (
        lambda keys: tokens.sign_marker(keys, MarkerToken(7, 815, 42)),
        tokens.read_markers,
        (MarkerToken(7, 815, 42),),
    ),
    "subject": (
        lambda keys: tokens.sign_subject(keys, SubjectToken(7, 815)),
        tokens.read_subject,
        SubjectToken(7, 815),
    ),
    "loop": (lambda keys: tokens.sign_loop(keys, LoopToken(7, 815)), read_loop, LoopToken(7, 815)),
}
every_kind = pytest.mark.parametrize(("sign", "read", "value"), KINDS.values(), ids=KINDS)


def refused(outcome: object) -> bool:
    return outcome is None or outcome == ()


@every_kind
def test_a_signed_token_reads_back_to_what_was_signed(sign, read, value):
    assert read(KEYS, 7, sign(KEYS)) == value


@every_kind
def test_letter_case_does_not_matter(sign, read, value):
    assert read(KEYS, 7, sign(KEYS).swapcase()) == value


@every_kind
def test_each_flipped_bit_is_refused(sign, read, value):
    text = sign(KEYS)
    for position in range(len(text) * 8):
        octets = bytearray(text.encode())
        octets[position // 8] ^= 1 << position % 8
        changed = octets.decode("latin-1")
        if changed.lower() != text.lower():
            assert read(KEYS, 7, changed) != value, f"bit {position}: {changed}"


@every_kind
def test_another_organization_refuses_it(sign, read, value):
    assert refused(read(KEYS, 8, sign(KEYS)))


@every_kind
def test_every_truncation_is_refused(sign, read, value):
    text = sign(KEYS)
    assert all(refused(read(KEYS, 7, text[:length])) for length in range(len(text)))


@every_kind
def test_a_token_of_the_previous_key_generation_is_accepted(sign, read, value):
    assert read(KEYS, 7, sign(TokenKeys(OLD_SECRET))) == value


@every_kind
def test_a_token_two_generations_old_is_refused(sign, read, value):
    assert refused(read(KEYS, 7, sign(TokenKeys(b"a" * 32))))


@every_kind
def test_new_tokens_are_signed_with_the_current_generation(sign, read, value):
    assert read(TokenKeys(NEW_SECRET), 7, sign(KEYS)) == value


def test_the_mac_of_one_purpose_is_refused_for_every_other():
    macs = {kind: sign(KEYS).rstrip("]")[-16:] for kind, (sign, _, _) in KINDS.items()}
    for kind, (sign, read, value) in KINDS.items():
        text = sign(KEYS)
        body, tail = (text[:-17], "]") if text.endswith("]") else (text[:-16], "")
        for other, mac in macs.items():
            assert other == kind or read(KEYS, 7, body + mac + tail) != value


def test_a_reply_tag_is_refused_at_another_service_address_of_the_same_organization():
    _, _, tag = tokens.sign_reply(KEYS, ReplyToken(7, KEY, 815)).partition("+")
    assert tokens.read_reply(KEYS, 7, "info.lillestad.se", tag) is None


def test_leading_zero_digits_do_not_make_a_second_spelling_of_a_reply_tag():
    _, _, tag = tokens.sign_reply(KEYS, ReplyToken(7, KEY, 815)).partition("+")
    assert tokens.read_reply(KEYS, 7, KEY, "ca" + tag[1:]) is None


def test_unused_bits_of_the_packed_return_path_must_be_zero():
    text = tokens.sign_verp(KEYS, VerpToken(7, 815, 40))
    last = text[27]
    other = tokens._ALPHABET[tokens._ALPHABET.index(last) ^ 1]
    assert tokens.read_verp(KEYS, text[:27] + other + text[28:]) is None


def test_a_kelvin_sign_is_not_the_letter_k():
    assert tokens.read_markers(KEYS, 7, tokens.sign_marker(KEYS, MarkerToken(7, 1)).replace("k:", "\u212a:")) == ()


def test_a_message_id_is_read_with_brackets_and_domain():
    local_part = tokens.sign_message_id(KEYS, MessageIdToken(7, 815, 42))
    assert tokens.read_message_id(KEYS, 7, f" <{local_part}@mgeu.lillestad.se> ") == MessageIdToken(7, 815, 42)


def test_a_marker_is_found_anywhere_in_quoted_html():
    marker = tokens.sign_marker(KEYS, MarkerToken(7, 815, 42))
    forged = "k:aa.b." + "a" * 16
    html = f"<p>Hej</p><!--{forged}--><blockquote><!--{marker}--></blockquote>"
    assert tokens.read_markers(KEYS, 7, html) == (MarkerToken(7, 815, 42),)


def test_a_subject_tag_is_found_among_other_words():
    tag = tokens.sign_subject(KEYS, SubjectToken(7, 815))
    assert tokens.read_subject(KEYS, 7, f"Sv: [extern] Sommarjobb {tag}") == SubjectToken(7, 815)


def test_only_so_many_candidates_are_tried():
    tag = tokens.sign_subject(KEYS, SubjectToken(7, 815))
    assert tokens.read_subject(KEYS, 7, "[#K-B-" + "A" * 16 + "]" + tag, at_most=1) is None


@given(organizations, service_keys, st.integers(min_value=0, max_value=2**30 - 1))
def test_a_reply_address_of_a_40_octet_key_fits_the_local_part(organization_id, key, conversation_id):
    token = ReplyToken(organization_id, key, conversation_id)
    local_part = tokens.sign_reply(KEYS, token)
    assert len(local_part) <= 64
    assert read_reply(KEYS, organization_id, local_part) == token


def test_a_key_without_room_for_a_tag_is_an_error_and_not_a_cut_tag():
    with pytest.raises(TokenTooLong):
        tokens.sign_reply(KEYS, ReplyToken(7, "x" * 60, 815))


@given(organizations, ids, ids)
def test_a_return_path_is_45_octets_for_all_ids(organization_id, message_id, recipient_id):
    token = VerpToken(organization_id, message_id, recipient_id)
    local_part = tokens.sign_verp(KEYS, token)
    assert len(local_part) == 45
    assert tokens.read_verp(KEYS, local_part) == token


def test_ids_beyond_the_return_path_fields_are_an_error():
    with pytest.raises(TokenTooLong):
        tokens.sign_verp(KEYS, VerpToken(2**32, 1, 1))


@given(organizations, ids, ids)
def test_a_message_id_round_trips_and_fits(organization_id, conversation_id, message_id):
    token = MessageIdToken(organization_id, conversation_id, message_id)
    local_part = tokens.sign_message_id(KEYS, token)
    assert len(local_part) <= 64
    assert tokens.read_message_id(KEYS, organization_id, local_part) == token


@given(st.text(max_size=80))
def test_reading_any_text_neither_raises_nor_believes(text):
    assert all(refused(read(KEYS, 7, text)) for _, read, _ in KINDS.values())


def test_short_secrets_are_refused():
    with pytest.raises(ValueError, match="32 octets"):
        TokenKeys(b"short")


def test_both_generations_can_be_derived_from_text_secrets():
    before = tokens.sign_loop(TokenKeys.from_secrets("first"), LoopToken(7, 815))
    assert tokens.read_loop(TokenKeys.from_secrets("second", "first"), before) == LoopToken(7, 815)
    assert tokens.read_loop(TokenKeys.from_secrets("second"), before) is None
