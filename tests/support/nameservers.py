"""NSD and Unbound from the distribution, run unprivileged on loopback by tests that want other people's servers."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

NSD = shutil.which("nsd", path="/usr/sbin:/usr/bin:/sbin")
UNBOUND = shutil.which("unbound", path="/usr/sbin:/usr/bin:/sbin")
START_SECONDS = 10.0

NSD_CONFIGURATION = """
server:
  ip-address: {address}@{port}
  username: ""
  chroot: ""
  database: ""
  zonesdir: "{folder}"
  zonelistfile: "{folder}/zone.list"
  xfrdfile: "{folder}/xfrd.state"
  pidfile: "{folder}/nsd.pid"
  logfile: "{folder}/nsd.log"
  server-count: 1
  hide-version: yes
remote-control:
  control-enable: no
"""
UNBOUND_CONFIGURATION = """
server:
  interface: {address}@{port}
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: "{folder}/unbound.pid"
  logfile: "{folder}/unbound.log"
  use-syslog: no
  ede: yes
  do-not-query-localhost: no
  local-zone: "test." nodefault
  module-config: "validator iterator"
{anchors}
remote-control:
  control-enable: no
"""


class Program:
    """A running server; `stop` ends it."""

    def __init__(self, command: Sequence[str], folder: Path, address: str, port: int) -> None:
        self.folder = folder
        with (folder / "output").open("wb") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        self._wait(address, port)

    def stop(self) -> None:
        """Terminate and wait."""
        self.process.terminate()
        self.process.wait(10)

    def _wait(self, address: str, port: int) -> None:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise RuntimeError((self.folder / "output").read_text() + self._log())
            try:
                socket.create_connection((address, port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise TimeoutError(self._log())

    def _log(self) -> str:
        return "".join(path.read_text() for path in self.folder.glob("*.log"))


def start_nsd(folder: Path, address: str, port: int, zones: dict[str, str]) -> Program:
    """Serve zones (origin → master file)."""
    assert NSD
    folder.mkdir(parents=True)
    text = NSD_CONFIGURATION.format(address=address, port=port, folder=folder)
    for number, (origin, content) in enumerate(zones.items()):
        (folder / f"{number}.zone").write_text(content)
        text += f'zone:\n  name: "{origin}"\n  zonefile: "{folder}/{number}.zone"\n'
    configuration = folder / "nsd.conf"
    configuration.write_text(text)
    return Program([NSD, "-d", "-c", str(configuration)], folder, address, port)


def start_unbound(
    folder: Path, address: str, port: int, stubs: dict[str, list[str]], anchors: Sequence[str] = ()
) -> Program:
    """Resolve: zones in `stubs` are asked at `address@port` entries, `anchors` are DS or DNSKEY records to trust."""
    assert UNBOUND
    folder.mkdir(parents=True)
    lines = [f'  trust-anchor: "{anchor}"' for anchor in anchors]
    lines += [f'  domain-insecure: "{zone}"' for zone in stubs if not any(a.startswith(zone) for a in anchors)]
    anchored = "\n".join(lines)
    text = UNBOUND_CONFIGURATION.format(address=address, port=port, folder=folder, anchors=anchored)
    for zone, servers in stubs.items():
        text += f'stub-zone:\n  name: "{zone}"\n' + "".join(f"  stub-addr: {server}\n" for server in servers)
    configuration = folder / "unbound.conf"
    configuration.write_text(text)
    return Program([UNBOUND, "-d", "-c", str(configuration)], folder, address, port)
