"""The development machine's authority, and the contexts for serving."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import ClientSession, TCPConnector, web
from cryptography import x509

from foundation.tls import DevelopmentAuthority, TlsFiles, server_context
from foundation.web import new_app, serve

NOW = datetime.now(UTC)
HOSTS = ["localhost", "127.0.0.1", "192.168.0.7", "::1"]


def certificate(file: Path) -> x509.Certificate:
    """The first certificate of a file."""
    return x509.load_pem_x509_certificate(file.read_bytes())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the authority lives."""
    return tmp_path / "tls"


def test_server_certificate_fits_phones(folder: Path) -> None:
    """Names and addresses as SAN, server use only, below Apple's limit of days, signed by the authority."""
    authority = DevelopmentAuthority(folder, NOW)
    made = certificate(authority.server(HOSTS).certificate)

    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name) for name in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "192.168.0.7", "::1"]
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert made.not_valid_after_utc - made.not_valid_before_utc <= timedelta(days=398)
    made.verify_directly_issued_by(certificate(authority.certificate_file))


def test_keys_are_the_owners_alone(folder: Path) -> None:
    """0600 for keys, 0700 for the folder, nothing half-written left."""
    authority = DevelopmentAuthority(folder, NOW)
    files = authority.server(HOSTS)

    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in (files.key, folder / "ca.key")} == {0o600}
    assert sorted(file.name for file in folder.iterdir()) == ["ca.crt", "ca.key", "server.crt", "server.key"]


def test_what_is_there_is_kept(folder: Path) -> None:
    """The next start changes nothing: the phone has installed this authority."""
    first = DevelopmentAuthority(folder, NOW)
    before = {file.name: file.read_bytes() for file in (*folder.iterdir(), first.server(HOSTS).certificate)}

    again = DevelopmentAuthority(folder, NOW + timedelta(days=300))
    again.server(HOSTS)

    after = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert {name: after[name] for name in before} == before


def test_certificate_is_renewed_near_its_end_or_for_other_hosts(folder: Path) -> None:
    """Within thirty days of the end, or when the machine's addresses changed; the authority stays."""
    authority = DevelopmentAuthority(folder, NOW)
    first = certificate(authority.server(HOSTS).certificate)
    moved = certificate(authority.server([*HOSTS, "10.0.0.3"]).certificate)
    later = certificate(
        DevelopmentAuthority(folder, NOW + timedelta(days=370)).server([*HOSTS, "10.0.0.3"]).certificate
    )

    assert len({first.serial_number, moved.serial_number, later.serial_number}) == 3
    later.verify_directly_issued_by(certificate(authority.certificate_file))


def test_authority_near_its_end_is_replaced(folder: Path) -> None:
    """And the server's certificate with it."""
    old = DevelopmentAuthority(folder, NOW)
    first = certificate(old.server(HOSTS).certificate)
    old_authority = certificate(old.certificate_file)

    renewed = DevelopmentAuthority(folder, NOW + timedelta(days=3640))

    assert certificate(renewed.certificate_file) != old_authority
    assert certificate(renewed.server(HOSTS).certificate).serial_number != first.serial_number


async def _hello(_request: web.Request) -> web.Response:
    return web.Response(text="hello")


async def test_https_works_for_who_trusts_the_authority(folder: Path) -> None:
    """A client with the authority installed connects; one without refuses; TLS 1.1 is refused."""
    files = DevelopmentAuthority(folder, NOW).server(HOSTS)
    app = new_app()
    app.router.add_get("/", _hello)
    async with await serve(app, "127.0.0.1", 0, tls=server_context(files.certificate, files.key)) as server:
        assert server.url.startswith("https://127.0.0.1:")
        trusting = ssl.create_default_context(cafile=str(files.authorities))
        async with ClientSession(connector=TCPConnector(ssl=trusting)) as client:
            async with client.get(server.url) as response:
                assert await response.text() == "hello"
        async with ClientSession() as stranger:
            with pytest.raises(OSError, match="certificate verify failed"):
                await stranger.get(server.url)


async def test_old_tls_is_refused(folder: Path) -> None:
    """TLS 1.1 has no cipher that we would speak."""
    files = DevelopmentAuthority(folder, NOW).server(HOSTS)
    async with await serve(new_app(), "127.0.0.1", 0, tls=server_context(files.certificate, files.key)) as server:
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.load_verify_locations(files.authorities)
        old.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        host, port = server.url.removeprefix("https://").split(":")
        # some builds of OpenSSL read the alert, some only notice that the server hung up
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            await asyncio.open_connection(host, int(port), ssl=old)


def test_a_strangers_certificate_in_the_folder_is_replaced(folder: Path, tmp_path: Path) -> None:
    """One that our authority did not sign is of no use to the phone."""
    authority = DevelopmentAuthority(folder, NOW)
    files = authority.server(HOSTS)
    other = DevelopmentAuthority(tmp_path / "other", NOW).server(HOSTS)
    files.certificate.write_bytes(other.certificate.read_bytes())

    certificate(authority.server(HOSTS).certificate).verify_directly_issued_by(certificate(authority.certificate_file))


def test_wrong_files_fail_at_once(folder: Path, tmp_path: Path) -> None:
    """A key of another certificate, or a missing file, is found before anything listens."""
    authority = DevelopmentAuthority(folder, NOW)
    files, other = authority.server(HOSTS), authority.peer(["sam"], "sam")

    with pytest.raises(ssl.SSLError):
        server_context(files.certificate, other.key)
    with pytest.raises(OSError):
        server_context(tmp_path / "none", files.key)
    assert other == TlsFiles(folder / "sam.crt", folder / "sam.key", folder / "ca.crt")
