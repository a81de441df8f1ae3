"""Which addresses may be asked: a tenant's nameserver records must not make us a probe of our own network.

`ipaddress.is_global` passes NAT64- and 6to4-wrapped private addresses, multicast and retired prefixes, so the
IANA special-purpose registries (RFC 6890 and successors) are embedded here and wrapped addresses are unwrapped.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address

# IANA IPv4 Special-Purpose Address Registry; multicast (RFC 5771) and reserved (RFC 1112) are registered elsewhere.
SPECIAL_IPV4: tuple[IPv4Network, ...] = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)

# Only 2000::/3 is global unicast; these are the special purposes inside it (IANA IPv6 registry).
GLOBAL_UNICAST_IPV6 = IPv6Network("2000::/3")
SPECIAL_IPV6: tuple[IPv6Network, ...] = tuple(
    IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)

SIX_TO_FOUR = IPv6Network("2002::/16")  # RFC 3056: octets 2-5 are the IPv4 address
TEREDO = IPv6Network("2001::/32")  # RFC 4380: server in octets 4-7, client inverted in the last four
NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: the last four octets


def refusal(text: str, *, allow_private: bool = False, own_networks: tuple[str, ...] = ()) -> str:
    """Why `text` must not be asked: "" when it may, else "invalid", "own" or "special".

    `allow_private` (local mode) admits special-purpose unicast addresses, never own networks, multicast or
    the unspecified address.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return "invalid"
    inner = (address, *_unwrapped(address))
    if any(_within(candidate, own_networks) for candidate in inner):
        return "own"
    if any(candidate.is_multicast or candidate.is_unspecified for candidate in inner):
        return "special"
    if allow_private:
        return ""
    return "special" if any(_special(candidate) for candidate in inner) else ""


def _special(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return any(address in network for network in SPECIAL_IPV4)
    return address not in GLOBAL_UNICAST_IPV6 or any(address in network for network in SPECIAL_IPV6)


def _within(address: Address, networks: tuple[str, ...]) -> bool:
    return any(address in network for network in map(ip_network, networks) if network.version == address.version)


def _unwrapped(address: Address) -> Iterator[Address]:
    """The IPv4 addresses a router or translator would really send to."""
    if isinstance(address, IPv4Address):
        return
    packed = address.packed
    if address.ipv4_mapped:
        yield address.ipv4_mapped
    elif address in SIX_TO_FOUR:
        yield IPv4Address(packed[2:6])
    elif address in TEREDO:
        yield IPv4Address(packed[4:8])
        yield IPv4Address(bytes(octet ^ 0xFF for octet in packed[12:]))
    elif address in NAT64 or packed[:12] == bytes(12):
        yield IPv4Address(packed[12:])
