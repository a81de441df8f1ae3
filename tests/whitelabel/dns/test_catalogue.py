"""One test per row of the diagnosis catalogue: real zones on real servers, the code and both sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import pytest
from django.utils import translation

from tests.support.dns import Exchange, World, Zone
from tests.whitelabel.dns.stage import DOMAIN, K1, K2, OTHER_TOKEN, TOKEN, Stage, key, strings
from whitelabel.diagnosis.catalogue import ENTRIES
from whitelabel.diagnosis.values import Context

SPF = '"v=spf1 include:_spf.post.test ~all"'
MGEU = "mgeu.kund.test"
KEY1 = f"k1._domainkey.{MGEU}"


@dataclass(frozen=True)
class Row:
    """A fault, the record it shows at, and what the page says."""

    code: str
    key: str
    state: str
    publish: Callable[[Stage], None]
    en: str
    sv: str
    profile: str = "B"


ROWS: list[Row] = []


def row(code: str, key: str, state: str, en: str, sv: str, *, profile: str = "B") -> Callable[[Any], Any]:
    """Register a function that publishes the fault."""

    def register(publish: Callable[[Stage], None]) -> Callable[[Stage], None]:
        ROWS.append(Row(code, key, state, publish, en, sv, profile))
        return publish

    return register


def instead(name: str, text: str, *, without: tuple[str, ...] | str = ()) -> Callable[[Stage], None]:
    """All right but for one record, with `text` in its place."""
    missing = (name, *((without,) if isinstance(without, str) else without))
    return lambda stage: stage.publish(text, without=missing)


@pytest.fixture
def world() -> Iterator[World]:
    with World() as running:
        yield running


@row("ok", "spf", "green", "Correct on all 2 nameservers.", "Rätt på alla 2 namnservrar.")
def everything_right(stage: Stage) -> None:
    stage.publish()


row(
    "ok_inlined",
    "dkim-k1",
    "green_note",
    "Works now, but as a copy. Use a CNAME so that we can renew keys for you.",
    "Fungerar nu, men som en kopia. Använd CNAME så att vi kan byta nycklar åt er.",
    profile="A",
)(instead("dkim-k1", f"k1._domainkey.mgeu TXT {strings(key(K1))}"))


@row(
    "missing_nx", "owner", "amber", f"No record found at _owner.{MGEU} yet.", f"Ingen post finns ännu på _owner.{MGEU}."
)
def nothing_published(stage: Stage) -> None:
    stage.only()


row(
    "missing_type",
    "spf",
    "amber",
    f"{MGEU} exists, but has no TXT record.",
    f"{MGEU} finns men saknar TXT-post.",
)(instead("spf", ""))

row(
    "doubled_name",
    "spf",
    "red",
    f"Found it at {MGEU}.kund.test. Your DNS panel adds kund.test itself: enter only mgeu.",
    f"Vi hittade posten på {MGEU}.kund.test. Er DNS-panel lägger själv till kund.test: skriv bara mgeu.",
)(instead("spf", f"{MGEU} TXT {SPF}"))

row(
    "doubled_label",
    "dkim-k1",
    "red",
    'Found it one level too deep, at k1._domainkey.mgeu.mgeu.kund.test. Remove the extra "mgeu".',
    'Posten ligger en nivå för djupt, på k1._domainkey.mgeu.mgeu.kund.test. Ta bort det extra "mgeu".',
)(instead("dkim-k1", f"k1._domainkey.mgeu.mgeu TXT {strings(key(K1))}"))

row(
    "on_parent",
    "spf",
    "red",
    f"Found it on kund.test itself. Move it to {MGEU}.",
    f"Posten ligger på själva kund.test. Flytta den till {MGEU}.",
)(instead("spf", f"@ TXT {SPF}"))

row(
    "label_dropped",
    "dkim-k1",
    "red",
    f"The key is on the main domain. It belongs at {KEY1}.",
    f"Nyckeln ligger på huvuddomänen. Den ska ligga på {KEY1}.",
)(instead("dkim-k1", f"k1._domainkey TXT {strings(key(K1))}"))

row(
    "underscore_lost",
    "dkim-k1",
    "red",
    'The underscore in "_domainkey" is missing.',
    'Understrecket i "_domainkey" saknas.',
)(instead("dkim-k1", f"k1.domainkey.mgeu TXT {strings(key(K1))}"))

row(
    "selector_split",
    "dkim-k1",
    "red",
    "Only part of the name was entered. It must be k1._domainkey.mgeu.",
    "Bara en del av namnet är inskriven. Det ska vara k1._domainkey.mgeu.",
)(instead("dkim-k1", f"_domainkey.mgeu TXT {strings(key(K1))}"))

row("value_as_name", "mx1", "red", "Name and value seem swapped.", "Namn och värde verkar ha bytt plats.")(
    instead("mx1", "mx1.post.test MX 10 mgeu", without="mx2")
)


@row(
    "wrong_zone",
    "spf",
    "red",
    f"{MGEU} is delegated to ns.annan.test. Add the records there.",
    f"{MGEU} är delegerad till ns.annan.test. Lägg in posterna där.",
)
def subdomain_delegated_away(stage: Stage) -> None:
    stage.world.serve("ns.annan.test", Zone(MGEU))
    del stage.world.resolver.zones[MGEU]
    stage.publish("mgeu NS ns.annan.test.")


@row(
    "old_value",
    "owner",
    "red",
    "This is an earlier value, replaced on 2026-01-15. Copy the new one.",
    "Detta är ett tidigare värde som byttes 2026-01-15. Kopiera det nya.",
)
def value_of_an_earlier_claim(stage: Stage) -> None:
    stage.context = Context(history={f"post.test-verify={OTHER_TOKEN}": "2026-01-15"})
    stage.publish(f'_owner.mgeu TXT "post.test-verify={OTHER_TOKEN}"', without="owner")


row(
    "other_tenant",
    "return-path",
    "red",
    "This record belongs to another account with us. Copy the value shown here.",
    "Posten hör till ett annat konto hos oss. Kopiera värdet som visas här.",
    profile="A",
)(instead("return-path", f"mgeu CNAME {OTHER_TOKEN}.rp.post.test."))

row(
    "other_vendor",
    "spf",
    "red",
    f"{MGEU} points to Mailgun. Choose another subdomain or remove the old record.",
    f"{MGEU} pekar på Mailgun. Välj en annan subdomän eller ta bort den gamla posten.",
)(instead("spf", 'mgeu TXT "v=spf1 include:mailgun.org ~all"'))

row(
    "typo",
    "spf",
    "red",
    'Nearly right: difference at "include:_spf.pots.test".',
    'Nästan rätt: det skiljer vid "include:_spf.pots.test".',
)(instead("spf", 'mgeu TXT "v=spf1 include:_spf.pots.test ~all"'))

row(
    "target_no_dot",
    "mx1",
    "red",
    "The target got kund.test added. End the value with a dot, or leave the dot out if your panel forbids it.",
    "Målet har fått kund.test tillagt. Avsluta värdet med punkt (eller utan, om panelen inte tillåter det).",
)(instead("mx1", "mgeu MX 10 mx1.post.test", without="mx2"))

row(
    "target_url",
    "mx1",
    "red",
    "The value must be a name only, without http:// or slashes.",
    "Värdet ska bara vara ett namn, utan http:// eller snedstreck.",
)(instead("mx1", "mgeu MX 10 http://mx1.post.test.", without="mx2"))

row(
    "quotes_inside",
    "spf",
    "red",
    "The quotation marks have become part of the value. Remove them.",
    "Citattecknen har blivit en del av värdet. Ta bort dem.",
)(instead("spf", r'mgeu TXT "\"v=spf1 include:_spf.post.test ~all\""'))

row(
    "backslash_semicolon",
    "dkim-k1",
    "red",
    "Remove the backslashes before the semicolons.",
    "Ta bort omvända snedstreck före semikolon.",
)(instead("dkim-k1", f"k1._domainkey.mgeu TXT {strings(key(K1).replace(';', chr(92) * 2 + ';'))}"))

row(
    "cut_at_semicolon",
    "dkim-k1",
    "red",
    "Everything after the first semicolon is missing. Put the whole value in quotes in the zone file.",
    "Allt efter första semikolonet saknas. Sätt hela värdet inom citattecken i zonfilen.",
)(instead("dkim-k1", "k1._domainkey.mgeu TXT v=DKIM1"))

row(
    "spaces_lost",
    "spf",
    "red",
    "The words were stored as separate strings and run together. Use one quoted string.",
    "Orden sparades som separata strängar och flyter ihop. Använd en sträng inom citattecken.",
)(instead("spf", "mgeu TXT v=spf1 include:_spf.post.test ~all"))

row(
    "truncated_255",
    "dkim-k1",
    "red",
    "The key was cut at 255 characters. Split it in two strings in the same record, or use the CNAME.",
    "Nyckeln kapades vid 255 tecken. Dela den i två strängar i samma post, eller använd CNAME.",
)(instead("dkim-k1", f'k1._domainkey.mgeu TXT "{key(K1)[:255]}"'))

row(
    "split_in_two_records",
    "dkim-k1",
    "red",
    "The key is spread over two records. It must be one record with two strings.",
    "Nyckeln är delad på två poster. Det ska vara en post med två strängar.",
)(instead("dkim-k1", f'k1._domainkey.mgeu TXT "{key(K1)[255:]}"\nk1._domainkey.mgeu TXT "{key(K1)[:255]}"'))

row(
    "split_shuffled",
    "dkim-k1",
    "red",
    "The parts are in the wrong order, or a space has slipped in.",
    "Delarna ligger i fel ordning eller så har ett mellanslag kommit med.",
)(instead("dkim-k1", f'k1._domainkey.mgeu TXT "{key(K1)[255:]}" "{key(K1)[:255]}"'))

row(
    "key_other",
    "dkim-k1",
    "red",
    "There is a DKIM key here, but not ours.",
    "Här finns en DKIM-nyckel, men inte vår.",
)(instead("dkim-k1", f"k1._domainkey.mgeu TXT {strings(key('MIGfMA0GCSqGSIb3' + 'Q' * 380))}"))

row(
    "key_revoked",
    "dkim-k1",
    "red",
    "The key at this name is empty (revoked).",
    "Nyckeln på det här namnet är tom (återkallad).",
)(instead("dkim-k1", 'k1._domainkey.mgeu TXT "v=DKIM1; k=rsa; p="'))

row(
    "key_testing",
    "dkim-k1",
    "red",
    'The key is marked "test" (t=y). Remove that flag.',
    'Nyckeln är märkt "test" (t=y). Ta bort flaggan.',
)(instead("dkim-k1", f"k1._domainkey.mgeu TXT {strings('v=DKIM1; t=y; k=rsa; p=' + K1)}"))

row(
    "two_spf",
    "spf",
    "red",
    f"Two SPF records at {MGEU}. Receivers then ignore both. Keep one.",
    f"Två SPF-poster på {MGEU}. Mottagare ignorerar då båda. Behåll en.",
)(instead("spf", f'mgeu TXT {SPF}\nmgeu TXT "v=spf1 include:annan.test ~all"'))

row(
    "spf_not_us",
    "spf",
    "red",
    'The SPF record does not include us. Add "include:_spf.post.test".',
    'SPF-posten saknar oss. Lägg till "include:_spf.post.test".',
)(instead("spf", 'mgeu TXT "v=spf1 ip4:192.0.2.1 -all"'))

row(
    "spf_invalid",
    "spf",
    "red",
    'The SPF record cannot be evaluated: syntax error at "ipv4:192.0.2.1".',
    'SPF-posten kan inte tolkas: syntaxfel vid "ipv4:192.0.2.1".',
)(instead("spf", 'mgeu TXT "v=spf1 include:_spf.post.test ipv4:192.0.2.1 ~all"'))

row("spf_type99", "spf", "red", "Use type TXT, not type SPF.", "Använd typen TXT, inte SPF.")(
    instead("spf", f"mgeu SPF {SPF}")
)

row(
    "mx_extra",
    "mx1",
    "red",
    f"{MGEU} also sends bounces to mail.annan.test. Remove that MX record.",
    f"{MGEU} skickar även studsmeddelanden till mail.annan.test. Ta bort den MX-posten.",
)(lambda stage: stage.publish("mgeu MX 20 mail.annan.test."))

MX_HOST = (
    "MX must point to a host name, not to an address or alias.",
    "MX ska peka på ett värdnamn, inte en adress eller ett alias.",
)
row("mx_is_ip", "mx1", "red", *MX_HOST)(instead("mx1", "mgeu MX 10 192.0.2.11.", without="mx2"))
row("mx_is_cname", "mx1", "red", *MX_HOST)(
    instead("mx1", "mgeu MX 10 studs\nstuds CNAME mx1.post.test.", without="mx2")
)

row(
    "cname_at_name",
    "spf",
    "red",
    f"{MGEU} is an alias for www.kund.test. An alias cannot have other records: remove it or choose another subdomain.",
    f"{MGEU} är ett alias för www.kund.test. Ett alias kan inte ha andra poster: "
    "ta bort det eller välj en annan subdomän.",
)(instead("spf", "mgeu CNAME www\nwww A 192.0.2.80", without=("mx1", "mx2")))


@row(
    "cname_and_data",
    "spf",
    "red",
    f"{MGEU} has both a CNAME and other records. That is not allowed; some servers may refuse the whole zone.",
    f"{MGEU} har både CNAME och andra poster. Det är inte tillåtet; vissa servrar vägrar hela zonen.",
)
def alias_beside_data(stage: Stage) -> None:
    stage.ns1.beside_alias = stage.ns2.beside_alias = True
    stage.publish("mgeu CNAME www\nwww A 192.0.2.80")


row("cname_loop", "spf", "red", "The alias points back to itself.", "Aliaset pekar tillbaka på sig självt.")(
    instead("spf", "mgeu CNAME runt\nrunt CNAME mgeu", without=("mx1", "mx2"))
)

row(
    "proxied",
    "return-path",
    "red",
    'The record is proxied (orange cloud). Switch it to "DNS only".',
    'Posten går via proxy (orange moln). Välj "Endast DNS".',
    profile="A",
)(instead("return-path", "mgeu A 104.16.1.1\nmgeu AAAA 2606:4700::6810:101"))

row(
    "wildcard",
    "spf",
    "green_note",
    "What we see comes from a catch-all (*) record, not from ours.",
    "Det vi ser kommer från en wildcard-post (*), inte från er nya post.",
)(lambda stage: stage.only(f"* TXT {SPF}"))


@row(
    "ns_lag",
    "spf",
    "amber",
    "1 of 2 nameservers have it. Waiting for ns2.kund.test (serial 2, others 7).",
    "1 av 2 namnservrar har posten. Väntar på ns2.kund.test (serienr 2, övriga 7).",
)
def second_server_is_behind(stage: Stage) -> None:
    stage.publish(serial=7)
    stage.ns2.load(stage.make(without="spf", serial=2))


@row(
    "ns_conflict",
    "spf",
    "amber",
    "Your nameservers disagree: ns1.kund.test says v=spf1 include:_spf.post.test ~all, ns2.kund.test says v=spf1 -all.",
    "Era namnservrar är oense: ns1.kund.test svarar v=spf1 include:_spf.post.test ~all, "
    "ns2.kund.test svarar v=spf1 -all.",
)
def servers_differ_with_one_serial(stage: Stage) -> None:
    stage.publish()
    stage.ns2.load(stage.make('mgeu TXT "v=spf1 -all"', without="spf"))


def refuse(exchange: Exchange) -> dns.message.Message:
    return exchange.with_rcode(
        dns.rcode.REFUSED, dns.edns.EDEOption(dns.edns.EDECode.NOT_AUTHORITATIVE, "not authoritative")
    )


@row(
    "lame",
    "spf",
    "green_note",
    "ns2.kund.test is listed as nameserver for kund.test but does not serve it.",
    "ns2.kund.test står som namnserver för kund.test men svarar inte för zonen.",
)
def second_server_is_lame(stage: Stage) -> None:
    stage.publish()
    stage.ns2.fault = refuse


@row(
    "all_lame",
    "spf",
    "grey",
    "None of the nameservers answers for kund.test. Mail to you is affected too.",
    "Ingen namnserver svarar för kund.test. Det påverkar även er e-post.",
)
def every_server_is_lame(stage: Stage) -> None:
    stage.publish()
    stage.ns1.fault = stage.ns2.fault = refuse
    stage.world.resolver.fault = lambda e: e.with_rcode(dns.rcode.SERVFAIL) if e.name.endswith(DOMAIN) else e.normal


@row(
    "ns_unreachable",
    "spf",
    "green_note",
    "ns2.kund.test did not answer (checked the other 1). We try again at 10:42.",
    "ns2.kund.test svarade inte (vi kontrollerade övriga 1). Nytt försök 10:42.",
)
def second_server_is_dead(stage: Stage) -> None:
    stage.publish()
    stage.ns2.fault = lambda _: None


@row(
    "parent_child_ns",
    "spf",
    "red",
    "The registry lists other nameservers (ns1.kund.test, ns2.kund.test) than the zone itself "
    "(ns1.kund.test, ns3.kund.test). The record is only on ns1.kund.test, ns3.kund.test.",
    "Registret har andra namnservrar (ns1.kund.test, ns2.kund.test) än zonen "
    "(ns1.kund.test, ns3.kund.test). Posten finns bara på ns1.kund.test, ns3.kund.test.",
)
def zone_moved_but_registry_was_not_told(stage: Stage) -> None:
    old = stage.make(without="spf")
    stage.zone.nameservers = {"ns1.kund.test": stage.ns1.address}
    stage.world.serve("ns3.kund.test", stage.zone)
    stage.publish()
    stage.ns2.load(old)
    for server in stage.world.servers:
        if server.name == "ns3.kund.test":
            server.load(stage.make())


@row(
    "wrong_dns_host",
    "owner",
    "red",
    "Your domain uses Loopia's nameservers. Add the record there.",
    "Er domän använder Loopias namnservrar. Lägg in posten där.",
)
def admin_works_at_another_host(stage: Stage) -> None:
    moved = Zone(DOMAIN)
    stage.world.serve("ns1.loopia.se", moved)
    stage.world.resolver.load(moved)
    stage.parent.load(Zone("test", "kund NS ns1.loopia.se."))
    stage.context = Context(dns_host="Cloudflare")


@row(
    "split_horizon",
    "owner",
    "red",
    "We cannot see it from the Internet. It may only be in your internal DNS.",
    "Vi ser den inte från internet. Den kanske bara finns i ert interna DNS.",
)
def published_only_inside(stage: Stage) -> None:
    stage.context = Context(done=True)
    stage.only()


@row(
    "dnssec_bogus",
    "spf",
    "red",
    "The record is right, but the domain's DNSSEC signature is broken (EDE 6, DNSSEC Bogus). "
    "Many receivers cannot read it.",
    "Posten är rätt men domänens DNSSEC-signatur är trasig (EDE 6, DNSSEC Bogus). Många mottagare kan inte läsa den.",
)
def signature_is_broken(stage: Stage) -> None:
    stage.publish()

    def validating(exchange: Exchange) -> dns.message.Message:
        checks = not exchange.query.flags & dns.flags.CD
        if exchange.name == MGEU and checks:
            return exchange.with_rcode(dns.rcode.SERVFAIL, dns.edns.EDEOption(dns.edns.EDECode.DNSSEC_BOGUS, "bogus"))
        return exchange.normal

    stage.world.resolver.fault = validating


@row(
    "our_side",
    "dkim-k1",
    "grey",
    "Your record is right. Our own nameserver has a problem; we are on it.",
    "Er post är rätt. Felet ligger hos vår namnserver; vi åtgärdar det.",
    profile="A",
)
def our_target_is_gone(stage: Stage) -> None:
    stage.publish()
    stage.world.resolver.load(Zone("post.test", f'{TOKEN}.rp TXT "v=spf1 ip4:192.0.2.10 ~all"'))


@row(
    "servfail",
    "spf",
    "grey",
    "The DNS gave a server error. This is not counted as missing.",
    "DNS svarade med serverfel. Vi räknar det inte som att posten saknas.",
)
def every_server_fails(stage: Stage) -> None:
    stage.publish()
    stage.ns1.fault = stage.ns2.fault = lambda e: e.with_rcode(dns.rcode.SERVFAIL)


@row(
    "nx_cached",
    "spf",
    "green_note",
    'Published correctly. resolver still remembers the old "does not exist" for 45 s.',
    'Rätt publicerad. resolver minns det gamla "finns inte" i 45 s till.',
)
def resolver_asked_too_early(stage: Stage) -> None:
    stage.publish()
    nameservers = stage.zone.nameservers
    stage.world.resolver.load(Zone(DOMAIN, "", serial=1, negative_ttl=45, nameservers=nameservers))


@row(
    "old_cached",
    "spf",
    "green_note",
    "Published correctly. Old value cached for 1800 s.",
    "Rätt publicerad. Gammalt värde cachat i 1800 s.",
)
def resolver_has_the_old_value(stage: Stage) -> None:
    stage.publish()
    stage.world.resolver.load(stage.make('mgeu 1800 TXT "v=spf1 -all"', without="spf"))


row(
    "ttl_long",
    "owner",
    "red",
    "When you correct this it can take up to 24 h, because TTL is 86400. Lower it to 300 first.",
    "När ni rättar detta kan det ta upp till 24 h eftersom TTL är 86400. Sänk först till 300.",
)(instead("owner", '_owner.mgeu 86400 TXT "något-helt-annat"'))


@row(
    "zone_gone",
    "spf",
    "red",
    "The domain kund.test is not registered or not delegated.",
    "Domänen kund.test är inte registrerad eller saknar delegering.",
)
def domain_expired(stage: Stage) -> None:
    del stage.world.resolver.zones[DOMAIN]
    stage.parent.load(Zone("test"))
    stage.world.resolver.zones["test"] = stage.parent.zones["test"]


@row(
    "tcp_blocked",
    "dkim-k1",
    "green_note",
    "ns2.kund.test does not answer over TCP. Long keys need it. Use the CNAME.",
    "ns2.kund.test svarar inte över TCP. Långa nycklar kräver det. Använd CNAME.",
)
def firewall_stops_tcp(stage: Stage) -> None:
    stage.publish()
    stage.ns2.tcp = False

    def truncate(exchange: Exchange) -> dns.message.Message:
        if exchange.over_tcp or exchange.name != KEY1:
            return exchange.normal
        exchange.normal.answer.clear()
        exchange.normal.flags |= dns.flags.TC
        return exchange.normal

    stage.ns2.fault = truncate


def dmarc(*texts: str) -> Callable[[Stage], None]:
    """All right, with these DMARC records."""
    return lambda stage: stage.publish("\n".join(f'_dmarc TXT "{text}"' for text in texts))


row(
    "dmarc_strict",
    "dmarc",
    "red",
    "Your DMARC policy demands the exact domain (adkim=s, aspf=s). Mail would be rejected. "
    "Add the two extra records; your policy can stay.",
    "Er DMARC-policy kräver exakt domän (adkim=s, aspf=s). Mejlen skulle avvisas. "
    "Lägg in de två extra posterna; policyn kan vara kvar.",
)(dmarc("v=DMARC1; p=reject; adkim=s; aspf=s"))

row(
    "dmarc_fragile",
    "dmarc",
    "red",
    "Works, but fails when a recipient forwards the mail. Add the two extra records.",
    "Fungerar, men inte när en mottagare vidarebefordrar mejlet. Lägg in de två extra posterna.",
)(dmarc("v=DMARC1; p=reject; adkim=s"))

row(
    "dmarc_none",
    "dmarc",
    "amber",
    'There is no DMARC record. We recommend "v=DMARC1; p=none" at _dmarc.kund.test.',
    'Det finns ingen DMARC-post. Vi rekommenderar "v=DMARC1; p=none" på _dmarc.kund.test.',
)(lambda stage: stage.publish("_dmarc A 192.0.2.1"))

row(
    "dmarc_two",
    "dmarc",
    "amber",
    "There are two DMARC records. Receivers then use neither.",
    "Det finns två DMARC-poster. Mottagare använder då ingen av dem.",
)(dmarc("v=DMARC1; p=none", "v=DMARC1; p=reject"))

row(
    "dmarc_psd",
    "dmarc",
    "red",
    f"{MGEU} counts as its own organisation. Add the two extra records.",
    f"{MGEU} räknas som en egen organisation. Lägg in de två extra posterna.",
)(lambda stage: stage.publish('_dmarc TXT "v=DMARC1; p=reject"\n_dmarc.mgeu TXT "v=DMARC1; p=reject; psd=n"'))

row(
    "missing_value",
    "mx1",
    "amber",
    f"{MGEU} has MX records, but not this one.",
    f"{MGEU} har MX-poster, men inte den här.",
)(instead("mx1", ""))

row(
    "cut_short",
    "dkim-k1",
    "red",
    "The value was cut after 200 characters. Copy the whole value.",
    "Värdet kapades efter 200 tecken. Kopiera hela värdet.",
)(instead("dkim-k1", f'k1._domainkey.mgeu TXT "{key(K1)[:200]}"'))

row(
    "dkim_two",
    "dkim-k1",
    "red",
    f"Two DKIM keys at {KEY1}. Receivers may pick either one. Keep only ours.",
    f"Två DKIM-nycklar på {KEY1}. Mottagare kan ta vilken som helst av dem. Behåll bara vår.",
)(lambda stage: stage.publish(f"k1._domainkey.mgeu TXT {strings(key(K2))}"))

row(
    "key_restricted",
    "dkim-k1",
    "red",
    "The key is limited so that it does not count for e-mail (tags s= and h=). Copy the value as it is shown here.",
    "Nyckeln är begränsad så att den inte gäller för e-post (taggarna s= och h=). Kopiera värdet som det visas här.",
)(instead("dkim-k1", f"k1._domainkey.mgeu TXT {strings('v=DKIM1; h=sha1; p=' + K1)}"))

row(
    "owner_underscore",
    "owner",
    "red",
    'The underscore in "_owner" is missing.',
    'Understrecket i "_owner" saknas.',
)(instead("owner", f'owner.mgeu TXT "post.test-verify={TOKEN}"'))

row(
    "dmarc_dkim_only",
    "dmarc",
    "green_note",
    "Works through DKIM. Your DMARC policy demands the exact domain for SPF (aspf=s), which does no harm.",
    "Fungerar genom DKIM. Er DMARC-policy kräver exakt domän för SPF (aspf=s), vilket inte gör något.",
)(dmarc("v=DMARC1; p=reject; aspf=s"))


@pytest.mark.parametrize("fault", ROWS, ids=lambda fault: fault.code)
def test_the_fault_is_recognised_and_explained(world: World, fault: Row) -> None:
    stage = Stage(world, fault.profile)
    fault.publish(stage)

    verdict = stage.look()[fault.key]

    assert (verdict.code, verdict.state.value) == (fault.code, fault.state), [d.code for d in verdict.details]
    with translation.override("en"):
        assert verdict.message() == fault.en
    with translation.override("sv"):
        assert verdict.message() == fault.sv


def test_every_code_of_the_catalogue_has_a_row() -> None:
    assert {fault.code for fault in ROWS} == set(ENTRIES)
