"""Catalogue rows about names and values: what stands in the zone, and where."""

from __future__ import annotations

from tests.support.dns import Zone
from tests.whitelabel.dns.rows import KEY1, MGEU, SPF, instead, row
from tests.whitelabel.dns.stage import K1, OTHER_TOKEN, Stage, key, strings
from whitelabel.diagnosis.values import Context


@row("ok", "spf", "green", "Correct on all nameservers (2).", "Rätt på alla namnservrar (2).")
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
