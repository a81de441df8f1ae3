"""Health check of a container: `probe.py web` or `probe.py smtp`; the exit code says whether the process answers."""

import os
import smtplib
import sys
import urllib.request

TIMEOUT_SECONDS = 5


def probe_web() -> None:
    """Ask the process itself, by a host name it accepts. Raises OSError or HTTPError when it does not answer."""
    host = os.environ["ALLOWED_HOSTS"].split(",")[0].lstrip(".")
    port = os.environ.get("HTTP_PORT", "8000")
    request = urllib.request.Request(f"http://127.0.0.1:{port}/health/live/", headers={"Host": host})
    urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS).close()  # noqa: S310  (a constant scheme)


def probe_smtp() -> None:
    """Greet the server and leave. Raises OSError or SMTPException when it does not answer."""
    with smtplib.SMTP("127.0.0.1", int(os.environ["SMTP_PORT"]), timeout=TIMEOUT_SECONDS) as client:
        client.noop()


if __name__ == "__main__":
    {"web": probe_web, "smtp": probe_smtp}[sys.argv[1]]()
