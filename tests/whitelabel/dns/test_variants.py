"""The same fault in other shapes: at other records, with other panels' habits."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.support.dns import World
from tests.whitelabel.dns.stage import K1, OTHER_TOKEN, TOKEN, Stage, key, strings

TYPO = key(K1[:150] + ("A" if K1[150] != "A" else "B") + K1[151:])


@dataclass(frozen=True)
class Variant:
    """What stands in place of a record, and the code it must give."""

    code: str
    key: str
    text: str
    profile: str = "B"
    without: tuple[str, ...] = ()


VARIANTS = {
    "owner token of another account": Variant(
        "other_tenant", "owner", f'_owner.mgeu TXT "post.test-verify={OTHER_TOKEN}"'
    ),
    "dkim alias of another account": Variant(
        "other_tenant", "dkim-k1", f"k1._domainkey.mgeu CNAME k1.{OTHER_TOKEN}.dkim.post.test.", "A"
    ),
    "owner on the domain itself": Variant("on_parent", "owner", f'@ TXT "post.test-verify={TOKEN}"'),
    "mx on the domain itself": Variant("on_parent", "mx1", "@ MX 10 mx1.post.test.", without=("mx2",)),
    "key on the domain itself": Variant("on_parent", "dkim-k1", f"@ TXT {strings(key(K1))}"),
    "key at a doubled name": Variant("doubled_name", "dkim-k1", f"k1._domainkey.mgeu.kund.test TXT {strings(key(K1))}"),
    "mx at a doubled name": Variant("doubled_name", "mx1", "mgeu.kund.test MX 10 mx1.post.test.", without=("mx2",)),
    "alias at a doubled name": Variant(
        "doubled_name", "return-path", f"mgeu.kund.test CNAME {TOKEN}.rp.post.test.", "A"
    ),
    "dkim alias at a doubled name": Variant(
        "doubled_name", "dkim-k2", f"k2._domainkey.mgeu.kund.test CNAME k2.{TOKEN}.dkim.post.test.", "A"
    ),
    "spf under the label twice": Variant("doubled_label", "spf", 'mgeu.mgeu TXT "v=spf1 include:_spf.post.test ~all"'),
    "owner without the label": Variant("label_dropped", "owner", f'_owner TXT "post.test-verify={TOKEN}"'),
    "dkim alias without the label": Variant(
        "label_dropped", "dkim-k1", f"k1._domainkey CNAME k1.{TOKEN}.dkim.post.test.", "A"
    ),
    "hyphen for the underscore": Variant("underscore_lost", "dkim-k1", f"k1-domainkey.mgeu TXT {strings(key(K1))}"),
    "selector alone": Variant("selector_split", "dkim-k1", f"k1.mgeu TXT {strings(key(K1))}"),
    "dkim alias under part of the name": Variant(
        "selector_split", "dkim-k1", f"_domainkey.mgeu CNAME k1.{TOKEN}.dkim.post.test.", "A"
    ),
    "dkim alias under the selector alone": Variant(
        "selector_split", "dkim-k1", f"k1.mgeu CNAME k1.{TOKEN}.dkim.post.test.", "A"
    ),
    "alias with host and value swapped": Variant(
        "value_as_name", "return-path", f"{TOKEN}.rp.post.test CNAME mgeu", "A"
    ),
    "address at our host name": Variant("value_as_name", "mx1", "mx1.post.test A 192.0.2.1", without=("mx2",)),
    "owner with host and value swapped": Variant(
        "value_as_name", "owner", f'post.test-verify={TOKEN} TXT "_owner.mgeu"'
    ),
    "one letter of the key": Variant("typo", "dkim-k1", f"k1._domainkey.mgeu TXT {strings(TYPO)}"),
    "one letter of the mx": Variant("typo", "mx1", "mgeu MX 10 mx1.pots.test.", without=("mx2",)),
    "one letter of the owner": Variant("typo", "owner", f'_owner.mgeu TXT "post.test-verify={TOKEN[:-1]}"'),
    "one letter of the alias": Variant("typo", "dkim-k1", f"k1._domainkey.mgeu CNAME k1.{TOKEN}.dkim.pst.test.", "A"),
    "spf version misspelt": Variant("typo", "spf", 'mgeu TXT "v=spf include:_spf.post.test ~all"'),
    "alias without final dot": Variant("target_no_dot", "return-path", f"mgeu CNAME {TOKEN}.rp.post.test", "A"),
    "alias as web address": Variant("target_url", "return-path", f"mgeu CNAME https://{TOKEN}.rp.post.test/.", "A"),
    "alias to Mailgun": Variant("other_vendor", "return-path", "mgeu CNAME mailgun.org.", "A"),
    "mx to Mailgun": Variant("other_vendor", "mx1", "mgeu MX 10 mxa.eu.mailgun.org.", without=("mx2",)),
    "alias to SendGrid at the key": Variant(
        "other_vendor", "dkim-k1", "k1._domainkey.mgeu CNAME s1.domainkey.u1.wl.sendgrid.net."
    ),
    "alias to a parking page": Variant("cname_at_name", "return-path", "mgeu CNAME parkering.annan.test.", "A"),
    "alias at the owner name": Variant("cname_at_name", "owner", "_owner.mgeu CNAME www\nwww A 192.0.2.1"),
    "typographic quotes": Variant(
        "quotes_inside", "spf", r'mgeu TXT "\226\128\156v=spf1 include:_spf.post.test ~all\226\128\157"'
    ),
    "quotes around each half of the key": Variant(
        "quotes_inside", "dkim-k1", rf'k1._domainkey.mgeu TXT "\"{key(K1)[:250]}\"" "\"{key(K1)[250:]}\""'
    ),
    "quotes around the owner": Variant("quotes_inside", "owner", rf'_owner.mgeu TXT "\"post.test-verify={TOKEN}\""'),
    "cut after the first semicolon, kept": Variant("cut_at_semicolon", "dkim-k1", 'k1._domainkey.mgeu TXT "v=DKIM1;"'),
    "cut at 254": Variant("truncated_255", "dkim-k1", f'k1._domainkey.mgeu TXT "{key(K1)[:254]}"'),
    "two halves the other way round": Variant(
        "split_in_two_records",
        "dkim-k1",
        f'k1._domainkey.mgeu TXT "{key(K1)[:200]}"\nk1._domainkey.mgeu TXT "{key(K1)[200:]}"',
    ),
    "a space slipped into the spf": Variant("split_shuffled", "spf", 'mgeu TXT "v=spf1 include:_spf. post.test ~all"'),
    "an Ed25519 key": Variant(
        "key_other",
        "dkim-k1",
        'k1._domainkey.mgeu TXT "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="',
    ),
    "an earlier alias": Variant("other_tenant", "return-path", f"mgeu CNAME {OTHER_TOKEN}.rp.post.test.", "A"),
    "spf of a company of one's own": Variant("spf_not_us", "spf", 'mgeu TXT "v=spf1 include:_spf.annan.test -all"'),
    "our include after all": Variant("spf_not_us", "spf", 'mgeu TXT "v=spf1 -all include:_spf.post.test"'),
    "an alias that loops at the key": Variant(
        "cname_loop", "dkim-k1", "k1._domainkey.mgeu CNAME a\na CNAME b\nb CNAME a"
    ),
    "a proxied key": Variant("proxied", "dkim-k1", "k1._domainkey.mgeu A 172.67.1.1", "A"),
    "an internal address": Variant("split_horizon", "return-path", "mgeu A 10.1.2.3", "A"),
    "a catch-all alias": Variant(
        "wildcard", "return-path", "* CNAME www.kund.test.\nwww A 192.0.2.1", "A", ("dkim-k1", "dkim-k2")
    ),
    "a catch-all text": Variant(
        "wildcard", "spf", '* TXT "parkerad"', without=("mx1", "mx2", "dkim-k1", "dkim-k2", "owner")
    ),
    "only another mx": Variant("missing_value", "mx1", "mgeu MX 10 mail.annan.test.", without=("mx2",)),
    "only an unrelated text": Variant("missing_value", "owner", '_owner.mgeu TXT "hej hopp"'),
    "a catch-all address only": Variant("missing_nx", "owner", "* A 192.0.2.9"),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_the_fault_is_recognised_in_this_shape_too(world: World, name: str) -> None:
    variant = VARIANTS[name]
    stage = Stage(world, variant.profile)
    stage.publish(variant.text, without=(variant.key, *variant.without))

    verdict = stage.look()[variant.key]

    assert verdict.code == variant.code, (verdict.found, [detail.code for detail in verdict.details])
