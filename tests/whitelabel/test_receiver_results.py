"""Authentication-Results of the first receiver, as real servers write them."""

from __future__ import annotations

import pytest

from whitelabel.receiver_results import read

PASSES = {"spf": "pass", "dkim": "pass", "dmarc": "pass"}
# RFC 8601 appendix B.3 to B.6, shortened where a line repeats, and the forms of large services.
WRITTEN = {
    "nothing judged": ("example.org 1; none", "", {}),
    "one method": ("example.com; spf=pass smtp.mailfrom=example.net", "example.com", {"spf": "pass"}),
    "several methods": (
        "example.com;\r\n\tauth=pass (cram-md5) smtp.auth=sender@example.net;\r\n\tspf=pass smtp.mailfrom=example.net",
        "example.com",
        {"spf": "pass"},
    ),
    "comments within comments": (
        (
            "foo.example.net (foobar) 1 (baz);\n dkim (Because I like it) / 1 (One yay) = (wait for it) fail\n"
            " policy (A dot can go here) . (like that) expired (this surprised me) = (as I wasn't expecting it) 1362471462"
        ),
        "foo.example.net",
        {"dkim": "fail"},
    ),
    "two signatures": (
        "example.com; dkim=fail (bad signature) header.d=example.com; dkim=pass header.d=mgeu.lillestad.se",
        "example.com",
        {"dkim": "pass"},
    ),
    "Google": (
        (
            "mx.google.com;\n dkim=pass header.i=@mgeu.lillestad.se header.s=k1 header.b=abc;\n spf=pass (google.com: domain of "
            "b+x@mgeu.lillestad.se designates 192.0.2.10 as permitted sender) smtp.mailfrom=b+x@mgeu.lillestad.se;\n dmarc=pass "
            "(p=NONE sp=NONE dis=NONE) header.from=lillestad.se"
        ),
        "mx.google.com",
        PASSES,
    ),
    "Microsoft, which names nobody first": (
        (
            "spf=pass (sender IP is 192.0.2.10) smtp.mailfrom=mgeu.lillestad.se; dkim=pass (signature was verified)"
            " header.d=mgeu.lillestad.se;dmarc=bestguesspass action=none header.from=lillestad.se;compauth=pass reason=109"
        ),
        "",
        {"spf": "pass", "dkim": "pass", "dmarc": "bestguesspass"},
    ),
}


@pytest.mark.parametrize("text", WRITTEN)
def test_what_servers_write_is_read(text: str) -> None:
    field, server, results = WRITTEN[text]
    said = read([field])

    assert said.results == results
    assert not results or said.server == server


def test_of_several_the_first_receiver_counts_which_is_the_lowest() -> None:
    above = "relay.example; spf=fail smtp.mailfrom=example.net; dmarc=fail"
    below = "mx.lillestad.se; spf=pass; dkim=pass; dmarc=pass"

    assert read([above, below]).server == "mx.lillestad.se"
    assert read([above, below, "internal.example; none"]).results == PASSES


@pytest.mark.parametrize("text", ["", ";;;", "(((", "spf=", "x; spf=pass" * 10_000, "x; nonsense=pass", "\0; dkim=\0"])
def test_nonsense_gives_nothing_or_a_result_and_never_an_error(text: str) -> None:
    assert set(read([text]).results) <= {"spf", "dkim", "dmarc"}
