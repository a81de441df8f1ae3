"""Limits of a survey (design 4.3). All times in seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from whitelabel.survey.values import Server

DNS_PORT = 53


@dataclass(frozen=True)
class SurveySettings:
    """Whom to ask and how much. `own_networks` are CIDR strings that are never asked, whatever else holds."""

    resolvers: tuple[Server, ...] = (Server("1.1.1.1", "1.1.1.1"), Server("8.8.8.8", "8.8.8.8"))
    authoritative_port: int = DNS_PORT
    allow_private: bool = False
    own_networks: tuple[str, ...] = ()
    try_seconds: tuple[float, ...] = (1.0, 1.5)
    tcp_seconds: float = 2.0
    wall_seconds: float = 25.0
    max_nameservers: int = 8
    max_addresses: int = 16
    max_queries: int = 160
    max_probes_per_record: int = 12
    max_alias_steps: int = 8
    max_referrals: int = 3
    max_records: int = 50
    max_octets: int = 16 * 1024
    queries_per_second: float = 20.0
    query_burst: int = 40
    breaker_timeouts: int = 5
    breaker_seconds: float = 60.0
    in_flight: int = 400
    sockets_per_family: int = 16
    queries_per_socket: int = 200
    cut_seconds: float = 3600.0
    probe_seconds: float = 60.0
    probe_when_right_seconds: float = 86_400.0

    @classmethod
    def from_django(cls, settings: Any) -> SurveySettings:
        """The limits as Django settings name them (`kundomail/settings/dns.py`)."""
        return cls(
            resolvers=tuple(parse_resolver(text) for text in settings.DNS_RESOLVERS),
            authoritative_port=settings.DNS_AUTHORITATIVE_PORT,
            allow_private=settings.DNS_ALLOW_PRIVATE,
            own_networks=tuple(settings.DNS_OWN_NETWORKS),
            try_seconds=tuple(settings.DNS_TRY_SECONDS),
            tcp_seconds=settings.DNS_TCP_SECONDS,
            wall_seconds=settings.DNS_WALL_SECONDS,
            queries_per_second=settings.DNS_QUERIES_PER_SECOND,
            query_burst=settings.DNS_QUERY_BURST,
            in_flight=settings.DNS_IN_FLIGHT,
        )


def parse_resolver(text: str) -> Server:
    """`1.1.1.1`, `1.1.1.1:5353`, `2001:db8::1` or `[2001:db8::1]:5353` as a server. Raises ValueError."""
    text = text.strip()
    if text.startswith("["):
        address, _, rest = text[1:].partition("]")
        return Server(text, address, int(rest.lstrip(":") or DNS_PORT))
    if text.count(":") == 1:
        address, _, port = text.partition(":")
        return Server(text, address, int(port))
    return Server(text, text)
