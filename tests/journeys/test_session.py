"""A session on a running Link ID: one approval on the phone, many signatures, an end; and a SAM that dies between."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from demo.computer import CallRefused, Session
from demo.world import World
from desktop_agent.approval import Pace
from desktop_agent.daemon.control import call
from desktop_agent.daemon.process import Daemon, own, serve
from desktop_agent.domain.trust import read_trust
from desktop_agent.errors import NoConnection
from desktop_agent.keychain import FileKeychain
from desktop_agent.pkcs11.codes import Cka, Ckm, Rv
from desktop_agent.pkcs11.wire import u64
from desktop_agent.profiles import Profile, Profiles
from sandbox_phone.errors import GatewayRefused, Untrusted
from sandbox_phone.loopback import connector
from tests.agent.daemon.p11_client import Ckr, P11Client
from tests.journeys.explicit import SHA256, Application

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]


def digest(text: str) -> bytes:
    return sha256(text.encode()).digest()


async def opened(world: World, **terms: Any) -> Session:
    """Asked for by the computer, approved by the holder."""
    ask = await world.computer.ask_session(world.credential, **terms)
    statement = await world.phone.fetch(ask.request)
    assert statement.content["session_key"] == [world.computer.key.thumbprint()]
    await world.phone.approve(statement, world.holder.password)
    return await world.computer.session(ask)


async def use(world: World, session: Session, counter: int, *texts: str) -> list[bytes]:
    """One use; what comes out verifies."""
    made = await world.computer.use(world.credential, session, counter, [digest(text) for text in texts])
    for text, signature in zip(texts, made, strict=True):
        world.verify(digest(text), signature)
    return made


async def why(call: Any) -> str:
    """The sentence that a call is refused with."""
    with pytest.raises(CallRefused) as refused:
        await call
    return str(refused.value.reply.content["error_description"])


async def test_one_approval_many_signatures(world: World) -> None:
    """The phone rings once; uses in parallel are signed, and not one more than was allowed."""
    session = await opened(world, maximum=8)
    assert 3500 < session.expires_in <= 3600
    made = await asyncio.gather(*(use(world, session, number, f"{number}") for number in range(1, 7)))
    assert await use(world, session, 3, "3") == made[2]
    await use(world, session, 7, "a", "b")
    assert await why(use(world, session, 8, "c")) == "Numbers of signatures is too high"
    assert await why(use(world, session, 3, "other")) == "Invalid parameter clientData"


async def test_the_holder_sees_and_ends_it(world: World) -> None:
    """The phone lists who, what for, until when and how far; ended, the very next signature is refused."""
    session = await opened(world, purpose="Prontuários do plantão")
    await use(world, session, 1, "a")
    (told,) = [one for one in await world.phone.sessions() if one["activation"] == session.activation]
    assert (told["used"], told["maximum"], told["purpose"]) == (1, 10, "Prontuários do plantão")
    await world.phone.end_session(session.activation)
    assert await why(use(world, session, 2, "b")) == "SAD expired"
    assert session.activation not in [one["activation"] for one in await world.phone.sessions()]
    with pytest.raises(GatewayRefused, match="session_not_found"):
        await world.phone.end_session("act_" + "0" * 26)


async def test_the_other_yes_is_refused_by_the_phone(world: World) -> None:
    """A phone gives no session with a key the yes of those without."""
    ask = await world.computer.ask_session(world.credential)
    statement = await world.phone.fetch(ask.request)
    with pytest.raises(Untrusted):
        await world.phone.approve(statement, world.holder.password, without_key=True)
    await world.phone.refuse(statement)


async def test_programs_of_the_computer(world: World, tmp_path: Path) -> None:
    """The desktop's daemon on a real service: each way to sign is approved; refused; withdrawn; served by a session."""
    async with served(world, tmp_path) as folder:
        program = await P11Client.connect(folder / "p11", version=2)
        (key,) = await program.find(await program.session(), {Cka.CLASS: 3})
        public = world.certificate.public_key()
        assert isinstance(public, rsa.RSAPublicKey)

        async def approved(kind: int, data: bytes, parameters: bytes | None = None) -> bytes:
            signing = asyncio.ensure_future(program.sign(key, kind, data, parameters=parameters))
            statement = await world.phone.wait_for("sign")
            assert "python" in statement.content["documents"][0]["label"]
            await world.phone.approve(statement, world.holder.password)
            return await signing

        public.verify(await approved(Ckm.SHA256_RSA_PKCS, b"a"), b"a", padding.PKCS1v15(), hashes.SHA256())
        salted = padding.PSS(padding.MGF1(hashes.SHA384()), 48)
        pss = u64(0x260) + u64(3) + u64(48)
        public.verify(await approved(Ckm.SHA384_RSA_PKCS_PSS, b"b", pss), b"b", salted, hashes.SHA384())
        public.verify(await approved(Ckm.SHA512_RSA_PKCS, b"c"), b"c", padding.PKCS1v15(), hashes.SHA512())

        signing = asyncio.ensure_future(program.sign(key, Ckm.SHA256_RSA_PKCS, b"d"))
        await world.phone.refuse(await world.phone.wait_for("sign"))
        with pytest.raises(Ckr) as refused:
            await signing
        assert refused.value.rv == Rv.FUNCTION_CANCELED

        asked = {
            "seconds": 600,
            "maximum": 3,
            "family": "RSA-PKCS1",
            "hash": "SHA-256",
            "purpose": "Assinar com o leitor",
        }
        opening = asyncio.ensure_future(call(folder / "control", "open-session", **asked))
        statement = await world.phone.wait_for("session")
        assert (statement.content["purpose"], statement.content["maximum"]) == ("Assinar com o leitor", 3)
        await world.phone.approve(statement, world.holder.password)
        session = (await opening)["activation"]
        for data in (b"e", b"f"):
            made = await program.sign(key, Ckm.SHA256_RSA_PKCS, data)
            public.verify(made, data, padding.PKCS1v15(), hashes.SHA256())
        assert await world.phone.waiting() == []
        assert session in [one["activation"] for one in await world.phone.sessions()]
        assert await call(folder / "control", "end-session", activation=session) == {"ended": True, "told": True}
        assert session not in [one["activation"] for one in await world.phone.sessions()]

        leaving = asyncio.ensure_future(program.sign(key, Ckm.SHA256_RSA_PKCS, b"g"))
        await world.phone.wait_for("sign")  # the session is over: it rings
        await program.close()
        with pytest.raises(ConnectionError):
            await leaving
        async with asyncio.timeout(20):
            while await world.phone.waiting():
                await asyncio.sleep(0.05)


@asynccontextmanager
async def served(world: World, folder: Path) -> AsyncIterator[Path]:
    """A daemon with the association of the world's computer."""
    profiles, stop = Profiles(folder / "home"), asyncio.Event()
    async with ClientSession(connector=connector()) as session, session.get(f"{world.stack.app}/trust.json") as answer:
        trust = read_trust(await answer.read())
    profile = Profile("test", world.computer.id, "Computador de prova", "file", "2026-01-01T00:00:00Z")
    await FileKeychain(profiles.home).save(profile, world.computer.key)
    profiles.save(profile, trust)
    with tempfile.TemporaryDirectory(prefix="lk", dir="/tmp") as short:
        daemon = Daemon(profiles, Quiet(), pace=Pace(tick=0.1))
        serving = asyncio.create_task(serve(daemon, own(Path(short)), stop))
        try:
            yield Path(short)
        finally:
            stop.set()
            await serving


class Quiet:
    """Nobody sits at the screen."""

    def tell(self, title: str, text: str) -> None:
        pass


@pytest.mark.parametrize("point", ["8-reserved", "8-signed-before-commit", "8-signed-after-commit"])
async def test_sam_dies_in_a_use(world: World, fault_folder: Path, point: str) -> None:
    """Killed between counting and releasing: the same use completes, counted once, and what remains is as before."""
    await world.stack.ready()
    session = await opened(world, maximum=3)
    await use(world, session, 1, "first")
    planted = fault_folder / f"{point}.die"
    planted.touch()
    with suppress(CallRefused, NoConnection):
        await use(world, session, 2, "cut")
    planted.unlink()
    await world.stack.ready()
    first = await use(world, session, 2, "cut")
    assert await use(world, session, 2, "cut") == first
    await use(world, session, 3, "third")
    assert await why(use(world, session, 4, "fourth")) == "Numbers of signatures is too high"


async def test_an_application_with_the_holders_consent(world: World) -> None:
    """All of it with everything real: an application asks for a consent, the holder gives it on the phone and gets
    codes there; with password and code the application signs, in each dialect, and no phone rings; until the holder
    ends it."""
    phone, holder, credential = world.phone, world.holder, world.credential
    await phone.get_generator(credential, holder.password)
    async with Application.registered(world) as app:
        # Without a consent: the dialect's own error, whatever the factors are.
        status, said = await app.password_grant(holder.password + phone.code(credential))
        assert (status, said["error"]) == (400, "invalid_grant")
        consent = await app.consented(phone, holder.password)
        (told,) = await phone.consents()
        assert (told["consent"], told["caller"]["name"], told["used"]) == (consent, "Contratos SA", 0)

        # PSC: the token that /signature takes, and the code serves once.
        code = app.next_code(phone, credential)
        status, token = await app.password_grant(holder.password + code)
        assert (status, token["scope"], token["slot_alias"]) == (200, "single_signature", credential), token
        signature = await app.psc_signature(token["access_token"], digest("psc"))
        world.verify(digest("psc"), signature)
        assert await app.psc_signature(token["access_token"], digest("psc")) == signature
        assert await phone.waiting() == []
        status, said = await app.password_grant(holder.password + code)
        assert (status, said["error"]) == (400, "invalid_grant")

        # CSC, both versions, for a certificate that an operator lets the application name.
        await app.allowed(credential)
        info = await app.csc("v2", "credentials/info", {"credentialID": credential, "authInfo": True})
        assert [one["id"] for one in info["auth"]["objects"]] == ["mobile", "password", "code"]
        code = app.next_code(phone, credential)
        factors = [{"id": "password", "value": holder.password}, {"id": "code", "value": code}]
        said = {"authData": factors, "hashAlgorithmOID": SHA256}
        world.verify(digest("v2"), await app.csc_signature("v2", "hashes", credential, digest("v2"), said))
        said = {"PIN": holder.password, "OTP": app.next_code(phone, credential)}
        world.verify(digest("v1"), await app.csc_signature("v1", "hash", credential, digest("v1"), said))
        (told,) = await phone.consents()
        assert told["used"] == 3
        newest = (await phone.history())["requests"][0]
        assert (newest["decision"], newest["consent"]) == (None, consent)
        assert await phone.evidence(newest["request"])

        await phone.end_consent(consent)
        status, said = await app.password_grant(holder.password + "000000")
        assert (status, said["error"]) == (400, "invalid_grant")
        assert await phone.consents() == []
