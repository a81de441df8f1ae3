"""Expected records are data: what each profile asks for, and the forms in which people copy it."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace

import dns.zone
import pytest
from django.utils import translation
from django.utils.translation import gettext

from tests.whitelabel.dns.stage import FACTS, K1, OURS, TOKEN
from whitelabel.diagnosis.catalogue import ENTRIES
from whitelabel.diagnosis.values import Finding
from whitelabel.record_export import csv_table, display_value, plain_text, zone_file
from whitelabel.records import PROFILES, UnusableName, exact_selector, expected_records, split_strings, unicode_name


def test_profile_b_asks_for_static_records_under_the_subdomain() -> None:
    rows = [(r.key, r.host, r.type, r.value[:40], r.required) for r in expected_records(FACTS)]

    assert rows == [
        ("spf", "mgeu", "TXT", "v=spf1 include:_spf.post.test ~all", True),
        ("mx1", "mgeu", "MX", "10 mx1.post.test.", True),
        ("mx2", "mgeu", "MX", "10 mx2.post.test.", True),
        ("dkim-k1", "k1._domainkey.mgeu", "TXT", f"v=DKIM1; k=rsa; p={K1}"[:40], True),
        ("dkim-k2", "k2._domainkey.mgeu", "TXT", "v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQ", True),
        ("owner", "_owner.mgeu", "TXT", f"{OURS}-verify={TOKEN}"[:40], True),
        ("dmarc", "_dmarc", "TXT", "v=DMARC1; p=none", False),
    ]


def test_profile_a_asks_for_three_aliases() -> None:
    rows = [(r.host, r.type, r.value) for r in expected_records(FACTS, profile="A", dmarc_advice=False)]

    assert rows == [
        ("mgeu", "CNAME", f"{TOKEN}.rp.post.test."),
        ("k1._domainkey.mgeu", "CNAME", f"k1.{TOKEN}.dkim.post.test."),
        ("k2._domainkey.mgeu", "CNAME", f"k2.{TOKEN}.dkim.post.test."),
    ]


def test_exact_domain_adds_the_same_keys_under_selectors_that_cannot_collide() -> None:
    exact = [record for record in expected_records(FACTS, exact_domain=True) if record.key.startswith("exact-")]

    assert [record.host for record in exact] == [f"{TOKEN[:6]}a._domainkey", f"{TOKEN[:6]}b._domainkey"]
    assert exact[0].value == f"v=DKIM1; k=rsa; p={K1}"
    assert exact_selector(TOKEN, "k2") == f"{TOKEN[:6]}b"


def test_a_key_is_split_into_strings_of_at_most_255_octets() -> None:
    record = next(r for r in expected_records(FACTS) if r.key == "dkim-k1")

    assert len(record.value) == 410
    assert [len(part) for part in record.strings] == [255, 155]
    assert "".join(record.strings) == record.value
    assert split_strings("") == ("",)


def test_the_host_is_relative_to_the_zone_people_edit() -> None:
    record = expected_records(replace(FACTS, domain="hr.kund.test", zone="kund.test"))[0]

    assert (record.name, record.host) == ("mgeu.hr.kund.test", "mgeu.hr")


def test_names_that_dns_cannot_hold_are_refused() -> None:
    with pytest.raises(UnusableName):
        expected_records(replace(FACTS, domain=".".join(["x" * 60] * 4)))
    with pytest.raises(UnusableName):
        expected_records(replace(FACTS, label="m" * 64))


def test_the_copied_forms_hold_exactly_the_value() -> None:
    record = next(r for r in expected_records(FACTS) if r.key == "dkim-k1")

    assert display_value(record) == record.value
    assert display_value(record, quoted=True) == f'"{record.value[:255]}" "{record.value[255:]}"'


def test_the_zone_file_loads_and_gives_the_same_records() -> None:
    records = expected_records(FACTS)
    text = "$ORIGIN kund.test.\n@ 300 IN SOA ns. host. 1 2 3 4 5\n@ 300 IN NS ns.\n" + zone_file(records)
    zone = dns.zone.from_text(text, origin="kund.test", relativize=False)

    for record in records:
        rdataset = zone.find_rdataset(f"{record.name}.", record.type)
        values = {b"".join(r.strings).decode() if record.type == "TXT" else r.to_text() for r in rdataset}
        assert record.value in values


def test_the_csv_has_one_row_per_record() -> None:
    rows = list(csv.DictReader(io.StringIO(csv_table(expected_records(FACTS)))))

    assert [row["value"] for row in rows] == [record.value for record in expected_records(FACTS)]


def test_the_plain_text_names_type_name_host_and_value() -> None:
    text = plain_text(expected_records(FACTS)[:1])

    assert text == (
        "Type:  TXT\nName:  mgeu.kund.test\nHost:  mgeu\nTTL:   3600\nValue: v=spf1 include:_spf.post.test ~all\n"
    )


def test_an_a_label_is_shown_as_people_write_it() -> None:
    assert unicode_name("xn--rksmrgs-5wao1o.se") == "räksmörgås.se"
    assert unicode_name("kund.test") == "kund.test"


def test_every_purpose_is_told_in_swedish() -> None:
    purposes = {r.purpose for profile in PROFILES for r in expected_records(FACTS, profile=profile, exact_domain=True)}

    assert len(purposes) == 7
    with translation.override("sv"):
        assert all(gettext(purpose) != purpose for purpose in purposes)


@pytest.mark.parametrize("code", sorted(ENTRIES))
def test_every_sentence_has_the_same_placeholders_in_swedish(code: str) -> None:
    entry = ENTRIES[code]
    for sentence in filter(None, (entry.sentence, entry.alone)):
        with translation.override("sv"):
            swedish = gettext(sentence)
        assert swedish != sentence
        assert set(re.findall(r"\{\w+\}", swedish)) == set(re.findall(r"\{\w+\}", sentence))


def test_when_no_other_server_was_there_the_sentence_does_not_count_them() -> None:
    finding = Finding("ns_unreachable", {"ns": "ns1.kund.test", "n": "0", "time": "10:42"})

    with translation.override("sv"):
        assert finding.message() == "ns1.kund.test svarade inte. Nytt försök 10:42."
