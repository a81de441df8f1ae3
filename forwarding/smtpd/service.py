"""What all sessions of one process share."""

from __future__ import annotations

import asyncio
import logging
import resource
import shutil
import ssl
import tempfile
from collections.abc import Collection, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from forwarding.smtpd.door import Door, FloodGate, Network
from forwarding.smtpd.envelope import Directory, Refusals, Spool, Unnoted
from forwarding.smtpd.limits import Limits

log = logging.getLogger(__name__)

_DISK_LOOK_SECONDS = 1.0


class Drainable(Protocol):
    """A session that can be told that the server stops."""

    def drain(self) -> None:
        """End now if quiet, else after the message under way."""

    def shut(self) -> None:
        """End now."""


@dataclass
class Service:
    """The parts the sessions work with, and the sessions themselves.

    `own_hosts`: our host names in lower case, to find loops; `certificate`: PEM files of chain and key, None for a
    self-made one; `proxy_networks`: peers that must send a PROXY header;
    `xforward_networks`: peers that may say whom they speak for;
    `temporary_directory`: for large bodies, None for the system's; `refusals`: told what was not
    taken; `bare_newlines`: command lines that ended without CR.
    """

    limits: Limits
    directory: Directory
    spool: Spool
    door: Door
    flood: FloodGate
    hostname: str
    own_hosts: Collection[str] = ()
    tls: ssl.SSLContext | None = None
    certificate: tuple[str, str] | None = None
    proxy_networks: Sequence[Network] = ()
    xforward_networks: Sequence[Network] = ()
    temporary_directory: str | None = None
    refusals: Refusals = field(default_factory=Unnoted)
    sessions: set[Drainable] = field(default_factory=set)
    draining: bool = False
    bare_newlines: int = 0
    _storing: set[asyncio.Task[None]] = field(default_factory=set)
    _disk_looked: float = float("-inf")
    _disk_free: bool = True

    def keep(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Run `work` to its end, whatever becomes of the session that asked for it."""
        task = asyncio.ensure_future(work)
        self._storing.add(task)
        task.add_done_callback(self._kept)
        return task

    def _kept(self, task: asyncio.Task[None]) -> None:
        self._storing.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.warning("a message was not stored: %s", type(task.exception()).__name__)

    async def finish_storing(self, seconds: float) -> None:
        """Wait until what was handed to the spool is done."""
        if self._storing:
            await asyncio.wait(self._storing, timeout=seconds)

    def reload_certificate(self) -> None:
        """Read the certificate anew, for handshakes from now on; keep the old one when that fails."""
        if self.tls is None or self.certificate is None:
            return
        try:
            self.tls.load_cert_chain(*self.certificate)
        except OSError:
            log.exception("the certificate could not be read anew")

    def has_descriptor(self, number: int) -> bool:
        """Whether a connection with this file descriptor leaves the reserve untouched.

        The kernel always gives the lowest free number, so it tells how many are in use.
        """
        soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if number < soft - self.limits.descriptor_reserve:
            return True
        log.error("file descriptors running out: %d of %d in use", number, soft)
        return False

    def has_disk(self, now: float) -> bool:
        """Whether there is room for temporary files; looked up once a second. `now`: loop time in seconds."""
        if now - self._disk_looked > _DISK_LOOK_SECONDS:
            self._disk_looked = now
            usage = shutil.disk_usage(self.temporary_directory or tempfile.gettempdir())
            self._disk_free = usage.free >= self.limits.free_disk_octets
        return self._disk_free
