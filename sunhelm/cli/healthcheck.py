"""`sunhelm healthcheck`: ask a process of ours whether it is alive, as a container's health check.

An answer is what counts: the certificate is not checked, for the request does not leave the machine, and
an answer that asks for credentials is given by a live process too.
"""

from __future__ import annotations

import argparse
import http.client
import os
import ssl
import sys
from typing import Final
from urllib.parse import urlsplit

NAME: Final = "healthcheck"
HELP: Final = "ask a running exporter or controller whether it is alive"

DEFAULT_URL: Final = "http://127.0.0.1:10480/-/healthy"
URL_VARIABLE: Final = "SUNHELM_HEALTH_URL"
_ALIVE: Final = frozenset({200, 401, 403})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument(
        "url",
        nargs="?",
        default=os.environ.get(URL_VARIABLE, DEFAULT_URL),
        help=f"what to ask; by default ${URL_VARIABLE}, else {DEFAULT_URL}",
    )
    parser.add_argument(
        "--timeout", type=float, default=3.0, metavar="SECONDS", help="how long to wait (%(default)s)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Return 0 when the process is alive, 1 when it is not, 2 when the address cannot be one."""
    parts = urlsplit(arguments.url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        print(f"{arguments.url!r} is no address to ask; like {DEFAULT_URL}", file=sys.stderr)
        return 2
    try:
        status = _status(parts.scheme, parts.hostname, parts.port, parts.path or "/", arguments.timeout)
    except (OSError, http.client.HTTPException) as error:
        print(f"{arguments.url} does not answer: {error}", file=sys.stderr)
        return 1
    if status not in _ALIVE:
        print(f"{arguments.url} answers {status}", file=sys.stderr)
        return 1
    return 0


def _status(scheme: str, host: str, port: int | None, path: str, timeout: float) -> int:
    if scheme == "https":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            host, port, timeout=timeout, context=context
        )
    else:
        connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()
