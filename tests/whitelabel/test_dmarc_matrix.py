"""The DMARC matrix end to end: what receivers make of an activated address's mail, row by row as forecast.

Real mail through the outbox and a real Postfix, judged by OpenDKIM (signature), pyspf (SPF) and authheaders (DMARC after
RFC 7489, with the public suffix list); the forecast under RFC 9989 is compared where the two differ.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import dkim
import dns.resolver
import pytest

from tests.support import judges
from tests.support.claims import DOMAIN, ask
from tests.support.sending import ELSEWHERE, SUBDOMAIN, Sending
from whitelabel import dmarc

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(bool(judges.missing()), reason=judges.missing() or "-"),
]

STRICT = "v=DMARC1; p=reject; adkim=s; aspf=s"
# Records at _dmarc → who signs once all rows of the page are green, what receivers say directly and after forwarding.
MATRIX = {
    "absent": ((), SUBDOMAIN, "none", "none"),
    "p=none": (("v=DMARC1; p=none",), SUBDOMAIN, "pass", "pass"),
    "p=reject": (("v=DMARC1; p=reject",), SUBDOMAIN, "pass", "pass"),
    "adkim=s": (("v=DMARC1; p=reject; adkim=s",), DOMAIN, "pass", "pass"),
    "aspf=s": (("v=DMARC1; p=reject; aspf=s",), SUBDOMAIN, "pass", "pass"),
    "both strict": ((STRICT,), DOMAIN, "pass", "pass"),
    "sp=reject": (("v=DMARC1; p=none; sp=reject",), SUBDOMAIN, "pass", "pass"),
    "only reported": (("v=DMARC1; p=none; adkim=s; aspf=s",), SUBDOMAIN, "fail", "fail"),
    "two records": (("v=DMARC1; p=none", "v=DMARC1; p=reject"), SUBDOMAIN, "none", "none"),
}


def publish(sending: Sending, texts: tuple[str, ...]) -> None:
    first, more = (texts[0] if texts else ""), texts[1:]
    sending.domain.publish("\n".join(f'_dmarc TXT "{text}"' for text in more), dmarc=first)


def activate(sending: Sending, texts: tuple[str, ...]) -> None:
    """Publish what the page asks for, twice because a strict policy asks for more; then activate."""
    for _ in range(2):
        publish(sending, texts)
        sending.domain.agree()
    ask(sending.domain)
    sending.domain.check()


def dkimpy_says(content: bytes, port: int) -> bool:
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], port

    def published(name: bytes, timeout: float = 5) -> bytes:
        return b"".join(resolver.resolve(name.decode(), "TXT")[0].strings)

    return bool(dkim.verify(content, dnsfunc=published))


@pytest.mark.parametrize("row", MATRIX)
def test_receivers_say_what_was_forecast(
    sending: Sending,
    policy_of: Callable[..., str],
    tmp_path: Path,
    row: str,
) -> None:
    texts, signer, direct, forwarded = MATRIX[row]
    activate(sending, texts)
    evidence = sending.domain.sender().evidence["dmarc"]
    taken = sending.answer()
    port = sending.domain.world.port

    [signature] = judges.signatures([taken.content], tmp_path, port)
    assert signature == judges.Signature("pass", signer)
    assert dkimpy_says(taken.content, port)
    spf_direct, spf_forwarded = policy_of(taken), policy_of(taken, ELSEWHERE)
    assert spf_direct == "pass"
    assert spf_forwarded != "pass"

    def judged(spf: str) -> str:
        return judges.dmarc(taken.content, port, spf=spf, mail_from=taken.envelope_sender, dkim=signature)

    said = (judged(spf_direct), judged(spf_forwarded))
    foretold = dmarc.forecast(
        {f"_dmarc.{DOMAIN}": texts}, from_domain=DOMAIN, signing_domain=signer, return_path_domain=SUBDOMAIN
    )
    assert said == (direct, forwarded)
    assert said == (foretold.old.direct, foretold.old.forwarded)
    assert evidence["rfc7489"] == {"direct": direct, "forwarded": forwarded}


@pytest.mark.parametrize(
    ("text", "direct", "forwarded"),
    [
        ("v=DMARC1; p=reject; adkim=s", "pass", "fail"),
        ("v=DMARC1; p=reject; aspf=s", "pass", "pass"),
        (STRICT, "fail", "fail"),
    ],
)
def test_mail_signed_as_the_subdomain_when_a_policy_turns_strict_fares_as_forecast(
    sending: Sending,
    policy_of: Callable[..., str],
    tmp_path: Path,
    text: str,
    direct: str,
    forwarded: str,
) -> None:
    activate(sending, ("v=DMARC1; p=none",))
    taken = sending.answer()
    publish(sending, (text,))
    port = sending.domain.world.port
    [signature] = judges.signatures([taken.content], tmp_path, port)
    assert signature == judges.Signature("pass", SUBDOMAIN)
    judged = tuple(
        judges.dmarc(taken.content, port, spf=spf, mail_from=taken.envelope_sender, dkim=signature)
        for spf in (policy_of(taken), policy_of(taken, ELSEWHERE))
    )
    foretold = dmarc.forecast(
        {f"_dmarc.{DOMAIN}": (text,)}, from_domain=DOMAIN, signing_domain=SUBDOMAIN, return_path_domain=SUBDOMAIN
    )
    assert judged == (direct, forwarded)
    assert judged == (foretold.old.direct, foretold.old.forwarded)
