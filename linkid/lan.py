"""`make run LAN=1`: HTTPS on this machine's address, so that a real phone on the same network can take part.

A phone gives a page neither camera nor WebCrypto without HTTPS. The certificate comes from a development authority of
this machine's own (`var/tls/ca.crt`), which is installed on the phone once.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from datetime import datetime

import qrcode

from foundation.tls import DevelopmentAuthority
from linkid.settings import Settings


class NoNetwork(Exception):
    """This machine has no address that a phone could reach."""


def own_address() -> str:
    """The address by which this machine reaches others. Raises NoNetwork. Sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # RFC 5737, for documentation: only the route is looked up
            address: str = probe.getsockname()[0]
        except OSError:
            address = "127.0.0.1"
    if address.startswith("127."):
        raise NoNetwork("this machine is on no network that a phone could share; connect it, or run without LAN=1")
    return address


def lan_environment(settings: Settings, address: str, now: datetime) -> dict[str, str]:
    """What every process must be told in order to serve *address* by HTTPS; makes the certificate."""
    authority = DevelopmentAuthority(settings.places.tls, now)
    files = authority.server([address, "localhost", "127.0.0.1", socket.gethostname()])
    return {
        "LINKID__TLS__CERTIFICATE": str(files.certificate),
        "LINKID__TLS__KEY": str(files.key),
        "LINKID__APP__HOST": "0.0.0.0",  # noqa: S104 - being reached by others is what was asked for
        "LINKID__APP__URL": f"https://{address}:{settings.app.port}",
        "LINKID__GATEWAY__HOST": "0.0.0.0",  # noqa: S104
        "LINKID__GATEWAY__URL": f"https://{address}:{settings.gateway.port}",
        "LINKID__PKI__HOST": "0.0.0.0",  # noqa: S104
        "LINKID__PKI__URL": f"http://{address}:{settings.pki.port}",
    }


def qr_lines(text: str) -> Sequence[str]:
    """A QR code for a terminal: two modules a character, with its quiet zone."""
    code = qrcode.QRCode(border=2)
    code.add_data(text)
    code.make()
    rows = [list(map(bool, row)) for row in code.get_matrix()]
    if len(rows) % 2:
        rows.append([False] * len(rows[0]))
    signs = {(True, True): " ", (True, False): "▄", (False, True): "▀", (False, False): "█"}  # dark ink is no ink
    return [
        "".join(signs[pair] for pair in zip(top, low, strict=True))
        for top, low in zip(rows[::2], rows[1::2], strict=True)
    ]
