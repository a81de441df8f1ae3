"""Who may come in, counted over all processes of the server in memory they share.

Made before the processes are forked. A lock that the kernel releases when its holder dies guards the counts, so that a
killed process can never shut the door for the others.
"""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import struct
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from forwarding.smtpd.limits import Limits

Network = IPv4Network | IPv6Network
_Address = IPv4Address | IPv6Address
_KEY_OCTETS = 16
_FREE = bytes(_KEY_OCTETS)


def peer_address(text: str) -> _Address:
    """The address of a peer; an IPv4 address that came over an IPv6 socket is IPv4. Scope ids are dropped."""
    address = ip_address(text.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped if mapped is not None else address


def within(address: _Address, networks: Sequence[Network]) -> bool:
    """Whether one of the networks holds the address."""
    return any(address.version == network.version and address in network for network in networks)


class Door:
    """One slot per connection: the peer's key and the number of the process that holds it."""

    def __init__(self, limits: Limits, wide_networks: Sequence[Network] = ()) -> None:
        """`wide_networks`: addresses of large providers, which may hold more connections each."""
        self._limits = limits
        self._wide = wide_networks
        self._keys = mmap.mmap(-1, max(limits.connections, 1) * _KEY_OCTETS)
        self._owners = mmap.mmap(-1, max(limits.connections, 1))
        self._lock = tempfile.TemporaryFile(prefix="smtp-door-")  # noqa: SIM115  (held as long as the door exists)
        self.process = 0

    def enter(self, peer: str) -> int | None:
        """Take a slot for a connection from `peer`; None when there are too many."""
        address = peer_address(peer)
        key = _key(address)
        allowed = (
            self._limits.connections_per_wide_ip if within(address, self._wide) else self._limits.connections_per_ip
        )
        with self._locked():
            taken = self._keys[:]
            if taken.count(key) >= allowed:
                return None
            slot = self._free_slot(taken)
            if slot is not None:
                self._write(slot, key)
                self._owners[slot] = self.process
        return slot

    def leave(self, slot: int) -> None:
        """Give a slot back."""
        self._write(slot, _FREE)

    def forget(self, process: int) -> None:
        """Give back what a process held that has ended."""
        with self._locked():
            for slot in range(self._limits.connections):
                if self._owners[slot] == process:
                    self._write(slot, _FREE)

    def _free_slot(self, taken: bytes) -> int | None:
        for slot in range(self._limits.connections):
            if taken[slot * _KEY_OCTETS : (slot + 1) * _KEY_OCTETS] == _FREE:
                return slot
        return None

    def _write(self, slot: int, key: bytes) -> None:
        self._keys[slot * _KEY_OCTETS : (slot + 1) * _KEY_OCTETS] = key

    @contextmanager
    def _locked(self) -> Iterator[None]:
        # lockf, not flock: its lock belongs to the process and not to the descriptor that forked processes share.
        fcntl.lockf(self._lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._lock, fcntl.LOCK_UN)


class FloodGate:
    """A token bucket for each inbox: as many recipients as one minute allows at once, then that many per minute.

    Inboxes whose ids are equal modulo the number of buckets share one, which can only refuse earlier. Processes do not
    lock: a count lost in a race lets one more message in.
    """

    _BUCKETS = 65_536
    _BUCKET = struct.Struct("=dd")  # monotonic time of the last look, tokens left then

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._buckets = mmap.mmap(-1, self._BUCKETS * self._BUCKET.size)

    def admit(self, inbox_id: int) -> bool:
        """Count one recipient; False when the inbox has had too many."""
        offset = inbox_id % self._BUCKETS * self._BUCKET.size
        looked, tokens = self._BUCKET.unpack_from(self._buckets, offset)
        now = time.monotonic()
        tokens = min(self._per_minute, tokens + (now - looked) * self._per_minute / 60) if looked else self._per_minute
        admitted = tokens >= 1
        self._BUCKET.pack_into(self._buckets, offset, now, tokens - admitted)
        return admitted


def _key(address: _Address) -> bytes:
    """A hash, so that no key is all zeros and a key is not found across two neighbours."""
    network = ip_network((address, 64 if address.version == 6 else 32), strict=False)
    return hashlib.blake2b(network.network_address.packed, digest_size=_KEY_OCTETS).digest()
