"""The AC's settings, assembled from those of the whole."""

from __future__ import annotations

from issuance.ac.domain.authority import Authority
from issuance.ac.settings import AcSettings
from linkid.settings import Settings


def ac_settings(settings: Settings) -> AcSettings:
    """For the process that runs the authority, and for no other: it carries the slot's PIN."""
    places = settings.places
    return AcSettings(
        dsn=settings.dsn("ac"),
        hsm=settings.hsm("ac"),
        listen=settings.listen or f"unix:{places.ac_socket}",
        listen_tls=settings.private_tls.files if settings.private_tls else None,
        pki_folder=places.pki,
        head_file=places.head("ac"),
        trust_file=places.trust,
        operators_file=places.operators,
        authority=authority(settings),
    )


def authority(settings: Settings) -> Authority:
    """How the authority calls itself, and the two places where it publishes."""
    pki, gateway = (f"{_named(settings.url(listener))}/pki" for listener in ("pki", "gateway"))
    return Authority(cps_url=f"{pki}/dpc.txt", pki_urls=(pki, gateway))


def _named(url: str) -> str:
    """A name without a dot is no host in a certificate's addresses (pkilint: invalid_uri_syntax)."""
    return url.replace("//localhost", "//127.0.0.1")
