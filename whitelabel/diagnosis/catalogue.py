"""Every code of a diagnosis with its state and its sentence.

The order is the order of importance: when several codes hold, the first in this table is shown and the rest are
details. Sentences are English msgids; the Swedish ones are in the message catalogue of the app. Placeholders in braces
are filled with escaped values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """What a row looks like: right, right with a note, waiting, wrong, or could not be asked."""

    GREEN = "green"
    GREEN_NOTE = "green_note"
    AMBER = "amber"
    RED = "red"
    GREY = "grey"

    @property
    def right(self) -> bool:
        """Whether the record counts as right."""
        return self in (State.GREEN, State.GREEN_NOTE)


@dataclass(frozen=True)
class Entry:
    """State and sentence of a code; `note` codes leave a row green that is right otherwise.

    `alone` replaces the sentence when `n`, the number of other servers, is 0.
    """

    state: State
    sentence: str
    note: bool = False
    alone: str = ""


def _noop(msgid: str) -> str:
    """Mark a sentence for translation without importing Django: the extractor knows the name `_noop`."""
    return msgid


ENTRIES: Mapping[str, Entry] = {
    "ok": Entry(State.GREEN, _noop("Correct on all nameservers ({n}).")),
    "ok_inlined": Entry(
        State.GREEN_NOTE,
        _noop("Works now, but as a copy. Use a CNAME so that we can renew keys for you."),
        note=True,
    ),
    "missing_nx": Entry(State.AMBER, _noop("No record found at {name} yet.")),
    "missing_type": Entry(State.AMBER, _noop("{name} exists, but has no {type} record.")),
    "doubled_name": Entry(
        State.RED,
        _noop("Found it at {name}.{zone}. Your DNS panel adds {zone} itself: enter only {host}."),
    ),
    "doubled_label": Entry(State.RED, _noop('Found it one level too deep, at {found}. Remove the extra "{label}".')),
    "on_parent": Entry(State.RED, _noop("Found it on {zone} itself. Move it to {name}.")),
    "label_dropped": Entry(State.RED, _noop("The key is on the main domain. It belongs at {name}.")),
    "underscore_lost": Entry(State.RED, _noop('The underscore in "_domainkey" is missing.')),
    "owner_underscore": Entry(State.RED, _noop('The underscore in "_owner" is missing.')),
    "selector_split": Entry(State.RED, _noop("Only part of the name was entered. It must be {host}.")),
    "value_as_name": Entry(State.RED, _noop("Name and value seem swapped.")),
    "wrong_zone": Entry(State.RED, _noop("{name} is delegated to {ns}. Add the records there.")),
    "old_value": Entry(State.RED, _noop("This is an earlier value, replaced on {date}. Copy the new one.")),
    "other_tenant": Entry(
        State.RED,
        _noop("This record belongs to another account with us. Copy the value shown here."),
    ),
    "other_vendor": Entry(
        State.RED,
        _noop("{name} points to {vendor}. Choose another subdomain or remove the old record."),
    ),
    "typo": Entry(State.RED, _noop('Nearly right: difference at "{diff}".')),
    "target_no_dot": Entry(
        State.RED,
        _noop("The target got {zone} added. End the value with a dot, or leave the dot out if your panel forbids it."),
    ),
    "target_url": Entry(State.RED, _noop("The value must be a name only, without http:// or slashes.")),
    "quotes_inside": Entry(State.RED, _noop("The quotation marks have become part of the value. Remove them.")),
    "backslash_semicolon": Entry(State.RED, _noop("Remove the backslashes before the semicolons.")),
    "cut_at_semicolon": Entry(
        State.RED,
        _noop("Everything after the first semicolon is missing. Put the whole value in quotes in the zone file."),
    ),
    "spaces_lost": Entry(
        State.RED,
        _noop("The words were stored as separate strings and run together. Use one quoted string."),
    ),
    "truncated_255": Entry(
        State.RED,
        _noop("The key was cut at 255 characters. Split it in two strings in the same record, or use the CNAME."),
    ),
    "cut_short": Entry(State.RED, _noop("The value was cut after {n} characters. Copy the whole value.")),
    "split_in_two_records": Entry(
        State.RED,
        _noop("The key is spread over two records. It must be one record with two strings."),
    ),
    "split_shuffled": Entry(State.RED, _noop("The parts are in the wrong order, or a space has slipped in.")),
    "key_other": Entry(State.RED, _noop("There is a DKIM key here, but not ours.")),
    "key_revoked": Entry(State.RED, _noop("The key at this name is empty (revoked).")),
    "key_testing": Entry(State.RED, _noop('The key is marked "test" (t=y). Remove that flag.')),
    "dkim_two": Entry(State.RED, _noop("Two DKIM keys at {name}. Receivers may pick either one. Keep only ours.")),
    "key_restricted": Entry(
        State.RED,
        _noop(
            "The key is limited so that it does not count for e-mail (tags s= and h=). Copy the value as it is "
            "shown here."
        ),
    ),
    "two_spf": Entry(State.RED, _noop("Two SPF records at {name}. Receivers then ignore both. Keep one.")),
    "spf_not_us": Entry(State.RED, _noop('The SPF record does not include us. Add "include:{include}".')),
    "spf_invalid": Entry(State.RED, _noop("The SPF record cannot be evaluated: {reason}.")),
    "spf_type99": Entry(State.RED, _noop("Use type TXT, not type SPF.")),
    "mx_extra": Entry(State.RED, _noop("{name} also sends bounces to {host}. Remove that MX record.")),
    "mx_is_ip": Entry(State.RED, _noop("MX must point to a host name, not to an address or alias.")),
    "mx_is_cname": Entry(State.RED, _noop("MX must point to a host name, not to an address or alias.")),
    "cname_at_name": Entry(
        State.RED,
        _noop(
            "{name} is an alias for {target}. An alias cannot have other records: remove it or choose another "
            "subdomain."
        ),
    ),
    "cname_and_data": Entry(
        State.RED,
        _noop(
            "{name} has both a CNAME and other records. That is not allowed; some servers may refuse the whole zone."
        ),
    ),
    "cname_loop": Entry(State.RED, _noop("The alias points back to itself.")),
    "proxied": Entry(State.RED, _noop('The record is proxied (orange cloud). Switch it to "DNS only".')),
    "wildcard": Entry(State.AMBER, _noop("What we see comes from a catch-all (*) record, not from ours."), note=True),
    "ns_lag": Entry(State.AMBER, _noop("{x} of {y} nameservers have it. Waiting for {ns} (serial {s1}, others {s2}).")),
    "ns_conflict": Entry(State.AMBER, _noop("Your nameservers disagree: {ns1} says {v1}, {ns2} says {v2}.")),
    "lame": Entry(State.GREY, _noop("{ns} is listed as nameserver for {zone} but does not serve it."), note=True),
    "all_lame": Entry(State.GREY, _noop("None of the nameservers answers for {zone}. Mail to you is affected too.")),
    "ns_unreachable": Entry(
        State.GREY,
        _noop("{ns} did not answer (checked the other {n}). We try again at {time}."),
        note=True,
        alone=_noop("{ns} did not answer. We try again at {time}."),
    ),
    "parent_child_ns": Entry(
        State.RED,
        _noop("The registry lists other nameservers ({a}) than the zone itself ({b}). The record is only on {c}."),
    ),
    "wrong_dns_host": Entry(State.RED, _noop("Your domain uses {vendor}'s nameservers. Add the record there.")),
    "split_horizon": Entry(
        State.RED,
        _noop("We cannot see it from the Internet. It may only be in your internal DNS."),
    ),
    "dnssec_bogus": Entry(
        State.RED,
        _noop(
            "The record is right, but the domain's DNSSEC signature is broken ({ede}). Many receivers cannot read it."
        ),
    ),
    "our_side": Entry(State.GREY, _noop("Your record is right. Our own nameserver has a problem; we are on it.")),
    "servfail": Entry(State.GREY, _noop("The DNS gave a server error. This is not counted as missing."), note=True),
    "nx_cached": Entry(
        State.GREEN_NOTE,
        _noop('Published correctly. {resolver} still remembers the old "does not exist" for {n} s.'),
        note=True,
    ),
    "old_cached": Entry(State.GREEN_NOTE, _noop("Published correctly. Old value cached for {n} s."), note=True),
    "ttl_long": Entry(
        State.RED,
        _noop("When you correct this it can take up to {h} h, because TTL is {ttl}. Lower it to 300 first."),
    ),
    "missing_value": Entry(State.AMBER, _noop("{name} has {type} records, but not this one.")),
    "zone_gone": Entry(State.RED, _noop("The domain {zone} is not registered or not delegated.")),
    "tcp_blocked": Entry(
        State.RED,
        _noop("{ns} does not answer over TCP. Long keys need it. Use the CNAME."),
        note=True,
    ),
    "dmarc_strict": Entry(
        State.RED,
        _noop(
            "Your DMARC policy demands the exact domain ({tags}). Mail would be rejected. Add the two extra "
            "records; your policy can stay."
        ),
    ),
    "dmarc_fragile": Entry(
        State.RED,
        _noop("Works, but fails when a recipient forwards the mail. Add the two extra records."),
    ),
    "dmarc_none": Entry(
        State.AMBER,
        _noop('There is no DMARC record. We recommend "v=DMARC1; p=none" at _dmarc.{zone}.'),
    ),
    "dmarc_two": Entry(State.AMBER, _noop("There are two DMARC records. Receivers then use neither.")),
    "dmarc_psd": Entry(State.RED, _noop("{name} counts as its own organisation. Add the two extra records.")),
    "dmarc_dkim_only": Entry(
        State.GREEN_NOTE,
        _noop("Works through DKIM. Your DMARC policy demands the exact domain for SPF (aspf=s), which does no harm."),
    ),
}

# What the placeholder {reason} of an SPF record may stand for.
REASONS: Mapping[str, str] = {
    "syntax": _noop('syntax error at "{term}"'),
    "plus_all": _noop('"+all" lets anybody send'),
    "lookups": _noop("{n} DNS look-ups, at most {most} are allowed"),
    "voids": _noop("{n} look-ups without answer, at most {most} are allowed"),
    "include": _noop("{host} has no SPF record"),
}

ORDER: Mapping[str, int] = {code: position for position, code in enumerate(ENTRIES)}
