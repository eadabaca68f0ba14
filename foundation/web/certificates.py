"""The client certificate of a request's connection: ours to see where TLS ends with us, else a trusted proxy's word."""

import base64
from collections.abc import Collection
from typing import Final
from urllib.parse import unquote_to_bytes

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from foundation.errors import BadInput
from foundation.web.caller import Network, peer_in

MAX_CERTIFICATE: Final = 8 * 1024


class BadCertificate(BadInput):
    """A proxy of ours passed on something that is no certificate, or more than one."""

    code = "bad_client_certificate"
    summary = "The client certificate cannot be read."


class CertificateReader:
    """Finds a request's client certificate."""

    def __init__(self, header: str | None = None, proxies: Collection[Network] = ()) -> None:
        """``header``: where ``proxies`` write it, RFC 9440 (``:base64:``) or nginx's escaped PEM. It is read only on
        connections that come from such a proxy themselves: from elsewhere anybody could write it.
        """
        self._header = header
        self._proxies = proxies

    def of(self, request: web.Request) -> bytes | None:
        """DER, or None where the connection brought none. Raises BadCertificate."""
        if self._header is not None and peer_in(request, self._proxies):
            return self._told(request)
        tls = request.get_extra_info("ssl_object")
        return None if tls is None else tls.getpeercert(binary_form=True) or None

    def _told(self, request: web.Request) -> bytes | None:
        assert self._header is not None, "asked only where there is one"
        values = [value.strip() for value in request.headers.getall(self._header, [])]
        if not any(values):
            return None
        if len(values) != 1 or len(values[0]) > MAX_CERTIFICATE:
            raise BadCertificate
        return _parsed(values[0])


def _parsed(text: str) -> bytes:
    try:
        if text.startswith(":") and text.endswith(":") and len(text) > 2:
            certificate = x509.load_der_x509_certificate(base64.b64decode(text[1:-1], validate=True))
        else:
            certificate = x509.load_pem_x509_certificate(unquote_to_bytes(text))
    except (ValueError, x509.InvalidVersion) as cause:
        raise BadCertificate from cause
    return certificate.public_bytes(Encoding.DER)


NO_CERTIFICATES: Final = CertificateReader()
"""Where no header is believed; a TLS listener of ours asks for certificates only if it was made to."""
