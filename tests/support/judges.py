"""Receivers that share no code with us: OpenDKIM for signatures, pyspf for SPF, authheaders for DMARC.

All of them ask the DNS of a test's `World`. OpenDKIM and authheaders are Debian's; the latter runs in the system's own
Python, beside which our packages are not seen.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import dns.resolver
import pytest
import spf

SYSTEM_PYTHON = "/usr/bin/python3"

_UNBOUND = """
server:
  do-not-query-localhost: no
  module-config: "iterator"
  local-zone: "test." nodefault
  use-syslog: no
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@{port}
"""
_DMARC = """
import json, sys
import authheaders
import dns.resolver
from authres import DKIMAuthenticationResult, SPFAuthenticationResult

asked = json.load(sys.stdin)
resolver = dns.resolver.Resolver(configure=False)
resolver.nameservers, resolver.port = ["127.0.0.1"], asked["port"]
dns.resolver.default_resolver = resolver
judged = authheaders.check_dmarc(
    asked["mail"].encode(),
    SPFAuthenticationResult(result=asked["spf"], smtp_mailfrom=asked["mail_from"]),
    DKIMAuthenticationResult(result=asked["dkim"], header_d=asked["signer"]),
)
print(judged.result)
"""


@dataclass(frozen=True)
class Signature:
    """What OpenDKIM says of a mail: pass, fail, none, …, and the d= of the signature it looked at."""

    result: str
    domain: str


def missing() -> str:
    """Why the judges cannot sit here; "" when they can."""
    for program, package in (("opendkim", "opendkim"), ("dmarc-policy-find", "python3-authheaders")):
        if shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin") is None:
            return f"{program} is missing: apt-get install {package}"
    return ""


def signatures(mails: Sequence[bytes], folder: Path, port: int) -> list[Signature]:
    """OpenDKIM's result for each mail, with keys asked for at the resolver on this port. `folder` is for its files."""
    (folder / "unbound.conf").write_text(_UNBOUND.format(port=port))
    (folder / "opendkim.conf").write_text(f"Mode v\nResolverConfiguration {folder}/unbound.conf\n")
    paths = [folder / f"{number}.eml" for number, _ in enumerate(mails)]
    for path, mail in zip(paths, mails, strict=True):
        path.write_bytes(mail)
    return [_signature(path, folder / "opendkim.conf") for path in paths]


def _signature(path: Path, configuration: Path) -> Signature:
    command = ["opendkim", "-x", str(configuration), "-t", str(path), "-v", "-v"]
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=30)
    found = re.search(r"^\s*dkim=(\w+)(.*)", done.stdout, re.MULTILINE)
    assert found, done.stdout + done.stderr
    domain = re.search(r"header\.d=(\S+)", found[2])
    return Signature(found[1], domain[1] if domain else "")


def sender_policy(monkeypatch: pytest.MonkeyPatch, port: int, *, ip: str, mail_from: str, helo: str) -> str:
    """pyspf's result for an envelope sender at a peer's address (RFC 7208): pass, fail, softfail, …"""
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], port
    with monkeypatch.context() as patched:
        patched.setattr(dns.resolver, "default_resolver", resolver)
        return str(spf.check2(i=ip, s=mail_from, h=helo)[0])


def dmarc(mail: bytes, port: int, *, spf: str, mail_from: str, dkim: Signature) -> str:
    """authheaders' DMARC result (RFC 7489) for a mail whose SPF and DKIM are judged: pass, fail or none."""
    asked = {
        "mail": mail.decode("ascii"),
        "port": port,
        "spf": spf,
        "mail_from": mail_from,
        "dkim": dkim.result,
        "signer": dkim.domain,
    }
    command = [SYSTEM_PYTHON, "-W", "ignore", "-c", _DMARC]
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, check=True, timeout=30)
    return done.stdout.strip()
