"""The two Postfix posts of docker-compose.yml, as real Postfix on loopback. Needs root and Debian's postfix."""

import os
import shutil
import smtplib
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

START = Path(__file__).resolve().parents[2] / "deploy" / "postfix" / "start.sh"
POSTFIX = shutil.which("postfix", path="/usr/sbin:/usr/bin")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(POSTFIX is None, reason="Debian's postfix is not installed"),
    pytest.mark.skipif(os.getuid() != 0, reason="Postfix's master starts as root"),
]


class Product:
    """Stands where the product's SMTP server does: knows one address, and can fail to store."""

    def __init__(self) -> None:
        self.stored: list[Envelope] = []
        self.answer_to_data = "250 2.0.0 stored"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if not address.startswith("known@"):
            return "550 5.1.1 no such address"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.answer_to_data.startswith("250"):
            self.stored.append(envelope)
        return self.answer_to_data


@pytest.fixture
def product() -> Iterator[tuple[Product, int]]:
    """The product's SMTP server and its port."""
    handler = Product()
    controller = Controller(handler, hostname="127.0.0.1", port=_free_port())
    controller.start()
    yield handler, controller.port
    controller.stop()


@pytest.fixture
def postfix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, int], int]]:
    """A function that starts Postfix at a post before an upstream port, and gives the port it listens on."""
    running: list[tuple[subprocess.Popen[bytes], Path]] = []
    home = Path("/var/lib") / f"kundomail-postfix-{os.getpid()}"  # Postfix's own users must reach it.

    def start(post: str, upstream: int) -> int:
        port = _free_port()
        _configure(home, post, upstream, port)
        # A pipe as in a container; Postfix cannot log to the nameless file that pytest captures into.
        command = [str(POSTFIX), "-c", str(home / "etc"), "start-fg"]
        master = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        running.append((master, home))
        _wait_for_greeting(port)
        return port

    yield start
    for process, directory in running:
        subprocess.run([str(POSTFIX), "-c", str(directory / "etc"), "stop"], check=False, capture_output=True)
        print(process.communicate(timeout=20)[0].decode())
    shutil.rmtree(home, ignore_errors=True)


def _configure(home: Path, post: str, upstream: int, port: int) -> None:
    """What start.sh writes, with directories and a port of the test's own."""
    configuration = home / "etc"
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/bin",
        "CONFIGURE_ONLY": str(configuration),
        "MAIL_DOMAIN": "mail.example.se",
        "POSTFIX_HOSTNAME": "mx.mail.example.se",
        "POSTFIX_UPSTREAM": f"127.0.0.1:{upstream}",
    }
    subprocess.run([str(START), post], env=environment, check=True)
    for name in ("spool", "data"):
        (home / name).mkdir()
    shutil.chown(home / "data", "postfix")
    own = f"queue_directory = {home}/spool\ndata_directory = {home}/data\ninet_protocols = ipv4\n"
    with (configuration / "main.cf").open("a") as file:
        file.write(own)
    services = Path("/usr/share/postfix/master.cf.dist").read_text()
    lines = [line for line in services.splitlines() if line and not line.startswith(("#", " ", "smtp      inet"))]
    plain = [" ".join([*line.split()[:4], "n", *line.split()[5:]]) for line in lines]
    (configuration / "master.cf").write_text("\n".join([f"127.0.0.1:{port} inet n - n - - smtpd", *plain]) + "\n")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for_greeting(port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
                assert client.recv(4) == b"220 "
                return
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, "Postfix does not listen"
            time.sleep(0.1)


def _mail(recipient: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Barry <barry@example.net>", recipient, "Fråga"
    mail["Message-ID"] = "<1@example.net>"
    mail.set_content("Hej!")
    return mail


def test_the_front_passes_a_mail_for_a_known_address_on(
    product: tuple[Product, int], postfix: Callable[[str, int], int]
) -> None:
    handler, upstream = product
    with smtplib.SMTP("127.0.0.1", postfix("front", upstream)) as client:
        client.send_message(_mail("known@mail.example.se"), "barry@example.net", ["known@mail.example.se"])
    assert [envelope.rcpt_tos for envelope in handler.stored] == [["known@mail.example.se"]]
    assert handler.stored[0].mail_from == "barry@example.net"


def test_the_front_gives_the_products_refusals_to_the_client_and_keeps_nothing(
    product: tuple[Product, int], postfix: Callable[[str, int], int]
) -> None:
    handler, upstream = product
    port = postfix("front", upstream)
    with smtplib.SMTP("127.0.0.1", port) as client, pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        client.sendmail("barry@example.net", ["nobody@other.example"], "x")
    assert refused.value.recipients["nobody@other.example"] == (550, b"5.1.1 no such address")
    handler.answer_to_data = "451 4.3.0 cannot store now"
    with smtplib.SMTP("127.0.0.1", port) as client, pytest.raises(smtplib.SMTPDataError) as put_off:
        client.sendmail("barry@example.net", ["known@mail.example.se"], "x")
    assert put_off.value.smtp_code == 451
    assert handler.stored == []


def test_the_relay_returns_mail_for_the_products_own_domain_to_it(
    product: tuple[Product, int], postfix: Callable[[str, int], int]
) -> None:
    handler, upstream = product
    with smtplib.SMTP("127.0.0.1", postfix("relay", upstream)) as client:
        client.send_message(_mail("known@mail.example.se"), "", ["known@mail.example.se"])
    deadline = time.monotonic() + 20
    while not handler.stored and time.monotonic() < deadline:
        time.sleep(0.1)
    assert [envelope.rcpt_tos for envelope in handler.stored] == [["known@mail.example.se"]]
