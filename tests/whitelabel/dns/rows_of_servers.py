"""Catalogue rows about aliases, servers, resolvers and DMARC, and our own additions to the catalogue."""

from __future__ import annotations

from collections.abc import Callable

import dns.edns
import dns.flags
import dns.message
import dns.rcode

from tests.support.dns import Exchange, Zone
from tests.whitelabel.dns.rows import KEY1, MGEU, SPF, instead, row
from tests.whitelabel.dns.stage import DOMAIN, K1, K2, TOKEN, Stage, key, strings
from whitelabel.diagnosis.values import Context

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
    "Er DMARC-policy kräver exakt domän (adkim=s, aspf=s). Mailen skulle avvisas. "
    "Lägg in de två extra posterna; policyn kan vara kvar.",
)(dmarc("v=DMARC1; p=reject; adkim=s; aspf=s"))

row(
    "dmarc_fragile",
    "dmarc",
    "red",
    "Works, but fails when a recipient forwards the mail. Add the two extra records.",
    "Fungerar, men inte när en mottagare vidarebefordrar mailet. Lägg in de två extra posterna.",
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
