"""What a relay gets of any mail we can write: over a real connection, octet for octet."""

from __future__ import annotations

from dataclasses import replace

import dkim
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.relay import fake_relay
from tests.whitelabel.test_mime import letters, published, signing_key
from whitelabel import mime, signing
from whitelabel.mime import File, Letter
from whitelabel.relay import Envelope, Outcome

SENDER, RECIPIENT = "b.abc@mgeu.lillestad.se", "barry@example.org"
pictures = st.lists(
    st.builds(
        File,
        st.text(max_size=40),
        st.sampled_from(["image/png", "image/jpeg", "x"]),
        st.binary(max_size=200),
        content_id=st.sampled_from(["1.a@picture", "2.b@picture", "bad id", ""]),
        inline=st.booleans(),
    ),
    max_size=3,
)


def illustrated(letter: Letter, more: list[File]) -> Letter:
    """The letter with HTML that shows pictures."""
    html = "".join(f'<img src="cid:{file.content_id}">' for file in more)
    return replace(letter, html=f"<p>{letter.text}</p>{html}", files=(*letter.files, *more))


@pytest.mark.slow
@pytest.mark.parametrize("pipelining", [False, True])
def test_only_clean_lines_and_whole_signed_mails_arrive(pipelining: bool) -> None:
    with fake_relay() as relay:
        relay.pipelining = pipelining
        client = relay.client(mails_per_connection=1000)

        @given(st.lists(st.builds(illustrated, letters, pictures), min_size=1, max_size=3))
        @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
        def carry(some: list[Letter]) -> None:
            octets = [signing.sign(mime.build(letter), signing_key()) for letter in some]
            before = len(relay.taken)
            following = [*(Envelope(SENDER, RECIPIENT, len(each)) for each in octets[1:]), None]
            for each, upcoming in zip(octets, following, strict=True):
                assert client.send(SENDER, RECIPIENT, each, following=upcoming).outcome is Outcome.ACCEPTED
            taken = [taken.content for taken in relay.taken[before:]]
            assert taken == octets
            for content in taken:
                assert content.count(b"\n") == content.count(b"\r\n") == content.count(b"\r")
                assert max(map(len, content.split(b"\r\n"))) <= 998
                assert dkim.verify(content, dnsfunc=published)

        carry()
        client.close()
    assert relay.connections == 1
