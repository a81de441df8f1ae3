"""A DNS server on loopback that answers TXT questions from a dictionary, and a resolver that asks it."""

from collections.abc import Iterator
from contextlib import contextmanager

import dns.resolver
from dnslib import QTYPE, RCODE, RR, TXT, DNSRecord
from dnslib.server import BaseResolver, DNSHandler, DNSLogger, DNSServer


class Zone(BaseResolver):
    """TXT records by name; names in `broken` answer SERVFAIL."""

    def __init__(self) -> None:
        self.texts: dict[str, list[str]] = {}
        self.broken: set[str] = set()
        self.asked: list[str] = []

    def resolve(self, request: DNSRecord, handler: DNSHandler) -> DNSRecord:
        name = str(request.q.qname).rstrip(".").lower()
        self.asked.append(name)
        reply = request.reply()
        if name in self.broken:
            reply.header.rcode = RCODE.SERVFAIL
        elif name not in self.texts:
            reply.header.rcode = RCODE.NXDOMAIN
        for text in self.texts.get(name, []):
            pieces = [text[at : at + 250] for at in range(0, len(text), 250)]
            reply.add_answer(RR(request.q.qname, QTYPE.TXT, rdata=TXT(pieces), ttl=60))
        return reply


@contextmanager
def serving() -> Iterator[DNSServer]:
    """Serve on a free port until the end of the block; put a Zone into `server.server.resolver`."""
    quiet = DNSLogger("-request,-reply,-truncated,-error,-recv,-send")
    server = DNSServer(Zone(), address="127.0.0.1", port=0, logger=quiet)
    server.start_thread()
    try:
        yield server
    finally:
        server.stop()
        server.server.server_close()


def resolver_for(server: DNSServer) -> dns.resolver.Resolver:
    """A resolver without cache that asks only this server."""
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = server.server.server_address[1]
    resolver.lifetime = 2
    return resolver
