"""The association ceremony: honest, interrupted, and with a service that lies."""

import asyncio
import os
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from desktop_agent.associate import Ceremony, Wanted, fetch_trust
from desktop_agent.client.tls import tls_for
from desktop_agent.domain.link import LinkState
from desktop_agent.domain.trust import Trust, read_trust
from desktop_agent.errors import AgentError, BadCommand, KeychainProblem, NoConnection, NotLinked, UntrustedServer
from desktop_agent.keychain import FileKeychain
from desktop_agent.profiles import Profile, Profiles
from tests.agent.gateway_double import AgentGateway, drop, elsewhere, endless, fault_for_ever, page_of_a_portal
from tests.agent.views import RecordingAssociation
from tests.sandbox_phone.roots import Roots

WANTED = Wanted(profile="test", computer_name="Notebook da Maria", system="Linux 6.1", ca=None)


async def until(view: RecordingAssociation, count: int) -> None:
    """The view has been shown the ceremony ``count`` times."""
    while len(view.links) < count:
        await asyncio.sleep(0.002)


async def ceremony(trust: Trust, profiles: Profiles, view: RecordingAssociation) -> Profile:
    chain = FileKeychain(profiles.home)
    return await asyncio.wait_for(Ceremony(profiles, chain, view, tick=0.005).run(trust, WANTED), 30)


async def scan(gateway: AgentGateway, view: RecordingAssociation) -> None:
    """A phone scans and its holder approves."""
    await view.seen_frame.wait()
    gateway.link = {"state": "claimed", "phone": "Celular da Maria"}
    await until(view, len(view.links) + 2)
    gateway.link = {"state": "approved", "phone": "Celular da Maria"}


async def test_a_computer_is_associated(gateway: AgentGateway, trust: Trust, profiles: Profiles) -> None:
    """Frames are shown until a phone claims; the check code typed here associates; key and trust are kept."""
    view = RecordingAssociation("042")

    profile, _ = await asyncio.gather(ceremony(trust, profiles, view), scan(gateway, view))

    assert profile.computer == gateway.computer
    assert view.done == ("Notebook da Maria", ["MARIA DA SILVA"])
    assert (view.fingerprint, view.known) == (trust.fingerprint, False)
    assert gateway.started_as["name"] == "Notebook da Maria"
    frames = [link.frame for link in view.links if link.frame]
    assert len(set(frames)) == len(frames) > 0
    assert all(link.frame is None for link in view.links if link.state is not LinkState.WAITING)
    assert all(frame.endswith(f".{gateway.link_key}") for frame in frames)  # ours, added by us
    kept, pinned = profiles.choose(None)
    assert (kept, pinned.source) == (profile, trust.source)
    assert (await FileKeychain(profiles.home).load(kept)).thumbprint() == gateway.link_key
    assert not gateway.given_up


async def test_wrong_check_codes_are_counted(gateway: AgentGateway, trust: Trust, profiles: Profiles) -> None:
    """Two wrong ones are told with the tries left; the third right one is good."""
    view = RecordingAssociation("000", "111", "042")

    await asyncio.gather(ceremony(trust, profiles, view), scan(gateway, view))

    assert view.tries == [None, 2, 1]


async def test_three_wrong_check_codes_end_it(gateway: AgentGateway, trust: Trust, profiles: Profiles) -> None:
    """Nothing is kept, and the person is told why."""
    view = RecordingAssociation("000", "111", "222")

    with pytest.raises(NotLinked, match="três vezes"):
        await asyncio.gather(ceremony(trust, profiles, view), scan(gateway, view))

    assert profiles.names() == []
    assert view.failure is not None


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ({"state": "refused"}, "recusada"),
        ({"state": "dead"}, "tempo"),
        ({"state": "dead", "ended_by": "second_scan"}, "Mais de um celular"),
    ],
    ids=["refused", "dead", "second scan"],
)
async def test_the_phone_ends_it(
    gateway: AgentGateway, trust: Trust, profiles: Profiles, end: dict[str, str], words: str
) -> None:
    """Refused, or killed by a second scanner: told apart."""
    view = RecordingAssociation()

    async def finish() -> None:
        await view.seen_frame.wait()
        gateway.link = end

    with pytest.raises(NotLinked, match=words):
        await asyncio.gather(ceremony(trust, profiles, view), finish())

    assert profiles.names() == []


async def test_it_ends_while_the_code_is_being_typed(gateway: AgentGateway, trust: Trust, profiles: Profiles) -> None:
    """A link that dies while nobody types does not leave the person before a dead question."""
    view = RecordingAssociation()

    async def kill() -> None:
        await scan(gateway, view)
        while not view.tries:
            await asyncio.sleep(0.002)
        gateway.link = {"state": "dead"}

    with pytest.raises(NotLinked):
        await asyncio.wait_for(asyncio.gather(ceremony(trust, profiles, view), kill()), 10)


async def test_ctrl_c_gives_the_link_up(gateway: AgentGateway, trust: Trust, profiles: Profiles) -> None:
    """The phone is told that nobody waits here any more."""
    view = RecordingAssociation()
    task = asyncio.ensure_future(ceremony(trust, profiles, view))
    await view.seen_frame.wait()

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert gateway.given_up
    assert profiles.names() == []


async def test_lost_looks_are_survived(gateway: AgentGateway, trust: Trust, profiles: Profiles) -> None:
    """Some seconds without the service are shown as such."""
    gateway.faults[f"/links/v1/{gateway.link_id}"] = [drop] * 6
    view = RecordingAssociation("042")

    await asyncio.gather(ceremony(trust, profiles, view), scan(gateway, view))

    assert view.offline_seen == 3  # aiohttp tries each look twice


async def test_an_association_that_cannot_be_kept_is_ended(
    gateway: AgentGateway, trust: Trust, profiles: Profiles
) -> None:
    """A computer that cannot keep its key does not stay in the holder's list."""

    class Full(FileKeychain):
        async def save(self, *_: Any) -> None:
            raise KeychainProblem("disco cheio")

    view = RecordingAssociation("042")
    run = Ceremony(profiles, Full(profiles.home), view, tick=0.005).run(trust, WANTED)

    with pytest.raises(KeychainProblem):
        await asyncio.gather(run, scan(gateway, view))

    assert gateway.ended
    assert profiles.names() == []


async def test_other_roots_than_the_pinned_ones_are_refused(
    gateway: AgentGateway, trust: Trust, profiles: Profiles, associated: object
) -> None:
    """Once pinned, roots do not change because a server says so."""
    other = Roots(gateway.roots.app, gateway.roots.gateway)

    with pytest.raises(UntrustedServer, match="diferentes"):
        await ceremony(read_trust(other.trust()), profiles, RecordingAssociation())

    assert gateway.calls == []


LINK_LIES: dict[str, dict[str, Any]] = {
    "a frame of another app": {"frame": "https://evil.example/l#1.a.1.b"},
    "a frame of a lookalike": {"frame": "{app}.evil.example/l#1.a.1.b"},
    "a frame with somebody's key in it": {"frame": "{app}/l#1." + "t" * 22 + ".1." + "m" * 22 + "." + "k" * 43},
    "a frame that hides our key": {"frame": "{app}/l#1." + "t" * 22 + ".1"},
    "a frame that is a wifi code": {"frame": "WIFI:S:x;;"},
    "an endless frame": {"frame": "{app}/l#" + "A" * 5000},
    "a frame that is a number": {"frame": 7},
    "a code with escapes": {"code": "\x1b[2J-AAAAA"},
    "a state that is none": {"state": "happy"},
    "no state": {"state": None},
}


@pytest.mark.parametrize("lie", LINK_LIES)
async def test_what_must_not_be_shown(gateway: AgentGateway, trust: Trust, profiles: Profiles, lie: str) -> None:
    """A QR is an order to a camera: only our own app's frames are drawn; anything else ends the ceremony."""
    filled = {
        name: value.replace("{app}", gateway.roots.app) if isinstance(value, str) else value
        for name, value in LINK_LIES[lie].items()
    }
    gateway.link = {"state": "waiting"} | filled
    view = RecordingAssociation()

    with pytest.raises(UntrustedServer):
        await ceremony(trust, profiles, view)

    assert view.links == []


async def test_a_ceremony_does_not_go_backwards(gateway: AgentGateway, trust: Trust, profiles: Profiles) -> None:
    """After a claim no new code is offered: a second phone cannot slip in."""
    view = RecordingAssociation()

    async def back() -> None:
        await view.seen_frame.wait()
        gateway.link = {"state": "claimed"}
        await until(view, len(view.links) + 2)
        gateway.link = {"state": "waiting"}

    with pytest.raises(UntrustedServer, match="para trás"):
        await asyncio.gather(ceremony(trust, profiles, view), back())


async def test_frames_without_end_end(
    gateway: AgentGateway, trust: Trust, profiles: Profiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that would show codes for ever is stopped by our own clock."""
    monkeypatch.setattr("desktop_agent.associate.LINK_SECONDS", 0.05)
    gateway.link = {"state": "waiting", "expires_in": 10**9}

    with pytest.raises(NotLinked, match="tempo"):
        await asyncio.wait_for(ceremony(trust, profiles, RecordingAssociation()), 5)

    assert gateway.given_up


@pytest.mark.parametrize("fault", [elsewhere, endless, page_of_a_portal])
async def test_trust_is_not_taken_from_just_anybody(gateway: AgentGateway, fault: Any) -> None:
    """Redirects, endless files and portals are no trust.json."""
    gateway.faults["/trust.json"] = [fault]

    with pytest.raises(UntrustedServer):
        await asyncio.wait_for(fetch_trust(gateway.roots.app, None), 10)


async def test_trust_that_speaks_for_another_app(gateway: AgentGateway) -> None:
    """The address asked is the address pinned."""
    asked, gateway.roots.app = gateway.roots.app, "http://localhost:1"

    with pytest.raises(UntrustedServer, match="outro endereço"):
        await fetch_trust(asked, None)


@pytest.mark.parametrize(
    "url", ["http://example.org", "ftp://localhost", "https://", "https://a@b.example", "localhost", "https://x:99999"]
)
async def test_addresses_that_are_not_safe(url: str) -> None:
    """Never in the clear beyond this machine, never with somebody's name in it."""
    with pytest.raises(UntrustedServer):
        await fetch_trust(url, None)


async def test_nobody_there(gateway: AgentGateway, trust: Trust, profiles: Profiles) -> None:
    """A service that is away is told at once."""
    gateway.faults["/links/v1"] = [fault_for_ever]
    view = RecordingAssociation()

    with pytest.raises(NoConnection):
        await ceremony(trust, profiles, view)
    with pytest.raises(NoConnection):
        await fetch_trust("http://127.0.0.1:1", None)

    assert view.failure is not None


async def test_the_key_file_is_private(profiles: Profiles, gateway: AgentGateway, associated: object) -> None:
    """0600 in a 0700 folder; a file that others can read is not used."""
    path = profiles.home / "test" / "association-key.json"
    chain = FileKeychain(profiles.home)
    profile, _ = profiles.choose(None)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)

    path.chmod(0o640)
    with pytest.raises(KeychainProblem, match="Outros usuários"):
        await chain.load(profile)
    path.chmod(0o600)
    for damage in (b"", b"x", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", os.urandom(100)):
        path.write_bytes(damage)
        with pytest.raises(KeychainProblem):
            await chain.load(profile)
    path.unlink()
    with pytest.raises(KeychainProblem):
        await chain.load(profile)


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"name":"test"}', '{"x":1}'])
def test_damaged_state_is_told(profiles: Profiles, associated: object, damage: str) -> None:
    """A profile that cannot be read says which folder to remove."""
    (profiles.home / "test" / "profile.json").write_text(damage)

    with pytest.raises(KeychainProblem, match="danificado"):
        profiles.choose(None)


@pytest.mark.parametrize("name", ["", "../x", "A", "a/b", "x" * 60, ".x"])
def test_profile_names_are_names(tmp_path: Path, name: str) -> None:
    """A name never becomes a path."""
    with pytest.raises(AgentError):
        Profiles(tmp_path).folder(name)


@pytest.fixture
def certificate_of_localhost(tmp_path: Path) -> tuple[Path, Path]:
    """A self-signed https certificate for this machine, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    public, private = tmp_path / "tls.crt", tmp_path / "tls.key"
    public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return public, private


async def test_https_of_ones_own_network(
    gateway: AgentGateway, profiles: Profiles, certificate_of_localhost: tuple[Path, Path]
) -> None:
    """A certificate nobody vouches for is refused, with what to do; with --ca the whole ceremony runs over https."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate_of_localhost)
    server = TestServer(gateway.app(), host="127.0.0.1", scheme="https")
    await server.start_server(ssl=context)
    gateway.roots.app = gateway.roots.gateway = f"https://localhost:{server.port}"

    with pytest.raises(NoConnection, match="não é de confiança") as refused:
        await fetch_trust(gateway.roots.app, None)
    assert "--ca" in refused.value.advice

    tls = tls_for(certificate_of_localhost[0])
    trust = await fetch_trust(gateway.roots.app, tls)
    view = RecordingAssociation("042")
    run = Ceremony(profiles, FileKeychain(profiles.home), view, tls=tls, tick=0.005).run(trust, WANTED)
    await asyncio.gather(run, scan(gateway, view))
    assert view.done is not None
    await server.close()


def test_authorities_that_are_none(tmp_path: Path) -> None:
    """--ca with a file that holds no certificate is a mistake of the command line."""
    (tmp_path / "ca.pem").write_text("isto não é um certificado")

    for name in ("ca.pem", "missing.pem"):
        with pytest.raises(BadCommand):
            tls_for(tmp_path / name)
