"""HTTPS for a phone on the same network."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from linkid.lan import NoNetwork, lan_environment, own_address, qr_lines
from linkid.settings import Settings, load_settings
from tests.support.camera import picture_of_half_blocks, read_qr

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def test_every_process_learns_the_address_and_the_certificate(tmp_path: Path) -> None:
    """App and gateway become HTTPS origins on this machine's address; the certificate covers it and localhost."""
    environment = lan_environment(Settings(var=tmp_path), "192.0.2.7", NOW)
    (tmp_path / "none.toml").touch()
    settings = load_settings(tmp_path / "none.toml", environment)
    assert settings.url("app") == "https://192.0.2.7:8440"
    assert settings.url("gateway") == "https://192.0.2.7:8441"
    assert settings.url("pki") == "http://192.0.2.7:8442"
    assert settings.tls is not None
    certificate = x509.load_pem_x509_certificate(settings.tls.certificate.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "192.0.2.7" in [str(name) for name in names.get_values_for_type(x509.IPAddress)]
    assert "localhost" in names.get_values_for_type(x509.DNSName)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(settings.tls.certificate, settings.tls.key)


def test_the_phone_trusts_the_same_authority_next_time(tmp_path: Path) -> None:
    """The authority was installed on the phone by hand: another start keeps it, and the certificate too."""
    first = lan_environment(Settings(var=tmp_path), "192.0.2.7", NOW)
    before = {file: file.read_bytes() for file in (tmp_path / "tls").iterdir()}
    assert lan_environment(Settings(var=tmp_path), "192.0.2.7", NOW) == first
    assert {file: file.read_bytes() for file in (tmp_path / "tls").iterdir()} == before


def test_without_a_network_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that only reaches itself gets one line, not an address that no phone can open."""

    class Lonely:
        def __init__(self, *_: object) -> None: ...
        def __enter__(self) -> Lonely:
            return self

        def __exit__(self, *_: object) -> None: ...
        def connect(self, _: object) -> None:
            raise OSError("network is unreachable")

    monkeypatch.setattr("linkid.lan.socket.socket", Lonely)
    with pytest.raises(NoNetwork, match="on no network"):
        own_address()


def test_the_terminal_shows_a_code_that_a_camera_reads() -> None:
    """Light on dark, half blocks, quiet zone: read back by a QR reader."""
    text = "https://192.0.2.7:8440/"
    assert read_qr(picture_of_half_blocks(qr_lines(text), ink=255)) == text
