"""Between a program and the phone: refused, late, given up, asked by many; nothing is signed that was not approved."""

from __future__ import annotations

import asyncio
import hashlib

import pytest
from aiohttp import web

from desktop_agent.daemon.grants import LATE_YES_SECONDS, Asked, Grants, OpenSession
from desktop_agent.domain.algorithm import algorithm
from desktop_agent.domain.request import Terms
from desktop_agent.pkcs11.codes import Ckm, Rv
from desktop_agent.pkcs11.content import describe
from desktop_agent.pkcs11.mechanisms import Wanted
from desktop_agent.pkcs11.sessions import MAX_WAITING
from desktop_agent.pkcs11.wire import blob, u32, u64
from tests.agent.daemon.conftest import Running
from tests.agent.daemon.p11_client import Ckr, P11Client
from tests.agent.daemon.test_token import DATA, digest, key_of, pss, verify
from tests.agent.gateway_double import drop, fault_for_ever
from tests.agent.pki import Holder

MARIA = "MARIA DA SILVA"
SIGN = "/csc/v2/signatures/signHash"
TLS = b" " * 64 + b"TLS 1.3, client CertificateVerify\0" + digest(256)
"""What a client of TLS 1.3 signs, when it lets the token hash."""


def labels(running: Running) -> list[str]:
    """What the phone was asked to show."""
    return [request["document"]["documents"][0]["label"] for request in running.gateway.requests]


async def rv_of(signing: asyncio.Task[bytes]) -> int:
    with pytest.raises(Ckr) as ended:
        await signing
    return ended.value.rv


async def test_the_phone_sees_who_asks_and_what(running: Running, client: P11Client) -> None:
    """Program, kind, and the digest itself; the screen shows the code that the SAM's own document carries."""
    key = await key_of(client, MARIA)
    await client.sign(key, Ckm.SHA256_RSA_PKCS, DATA)
    (request,) = running.gateway.requests
    assert "python" in request["document"]["documents"][0]["label"]
    assert request["document"]["documents"][0]["size"] is None
    assert running.told.notices[0][0] == "Aprove no celular: código 27"
    attributes = bytes.fromhex("3131302f06092a864886f70d01090431220420") + digest(256)
    ssh = u32(32) + digest(256) + b"\x32" + blob(b"maria") + blob(b"ssh-connection") + blob(b"publickey")
    for data in (TLS, attributes, ssh):
        await client.sign(key, Ckm.SHA256_RSA_PKCS, data)
    assert "TLS" in labels(running)[1]
    assert f"assinatura de documento, conteúdo {digest(256).hex()[:12]}…" in labels(running)[2]
    assert "SSH) como maria" in labels(running)[3]


async def test_a_refusal_is_what_programs_understand(running: Running, client: P11Client) -> None:
    """CKR_FUNCTION_CANCELED; tried again at once it does not ring again, since browsers try again by themselves."""
    key = await key_of(client, MARIA)
    running.gateway.answer = "refuse"
    for _ in range(2):
        assert await rv_of(asyncio.ensure_future(client.sign(key, Ckm.SHA256_RSA_PKCS, DATA))) == Rv.FUNCTION_CANCELED
    assert len(running.gateway.requests) == 1
    assert running.gateway.withdrawn == []


async def test_a_program_that_goes_takes_its_request_along(running: Running, client: P11Client) -> None:
    """The phone stops showing what nobody waits for; the next program is served."""
    running.gateway.answer = "never"
    leaving = await P11Client.connect(running.socket)
    signing = asyncio.ensure_future(leaving.sign(await key_of(leaving, MARIA), Ckm.SHA256_RSA_PKCS, b"left behind"))
    await running.until(lambda: running.gateway.requests and running.gateway.requests[-1]["checks"])
    await leaving.close()
    await running.until(lambda: running.gateway.withdrawn)
    with pytest.raises(ConnectionError):
        await signing
    running.gateway.answer = "approve"
    await client.sign(await key_of(client, MARIA), Ckm.SHA256_RSA_PKCS, DATA)


async def test_cancelling_inside_the_program(running: Running, client: P11Client, maria: Holder) -> None:
    """C_SessionCancel and C_CloseSession from another thread end the wait: withdrawn, and 0x50 for whoever waited."""
    key = await key_of(client, MARIA)
    gateway = running.gateway
    gateway.answer = "never"
    for number, name in enumerate(("session_cancel", "close_session"), start=1):
        session = await client.session()
        signing = asyncio.ensure_future(client.sign(key, Ckm.SHA256_RSA_PKCS, b"%d" % number, session=session))
        await running.until(lambda: len(gateway.requests) > len(gateway.withdrawn) and gateway.requests[-1]["checks"])
        await client.call(name, u64(session) + (u64(0x800) if name == "session_cancel" else b""))
        assert await rv_of(signing) == Rv.FUNCTION_CANCELED
        await running.until(lambda: len(gateway.requests) == len(gateway.withdrawn))
    assert len(gateway.requests) == 2


class TestHurry:
    """A TLS handshake cannot wait as long as a request lives."""

    @pytest.fixture
    def hurried_seconds(self) -> float:
        return 0.05

    async def test_a_late_yes_serves_the_same_digest_once(
        self, running: Running, client: P11Client, maria: Holder
    ) -> None:
        """The handshake ends in time with 0x50; the yes that comes is kept for exactly this digest, and serves once."""
        key, gateway = await key_of(client, MARIA), running.gateway
        gateway.answer = "never"

        def sign() -> asyncio.Task[bytes]:
            return asyncio.ensure_future(client.sign(key, Ckm.SHA256_RSA_PKCS_PSS, TLS, parameters=pss(256)))

        assert await rv_of(sign()) == Rv.FUNCTION_CANCELED
        assert gateway.withdrawn == []
        gateway.answer = "approve"
        await running.until(lambda: any("depois que o programa desistiu" in text for _, text in running.told.notices))
        verify(maria, await sign(), 256, salted=True, data=TLS)
        assert len(gateway.requests) == 1
        gateway.answer = "never"
        assert await rv_of(sign()) == Rv.FUNCTION_CANCELED
        assert len(gateway.requests) == 2

    async def test_another_digest_is_never_served_by_it(self, running: Running, client: P11Client) -> None:
        """The next handshake signs something else: the abandoned request leaves the phone, and this one rings."""
        key, gateway = await key_of(client, MARIA), running.gateway
        gateway.answer = "never"
        for bits, kind in ((256, Ckm.SHA256_RSA_PKCS_PSS), (384, Ckm.SHA384_RSA_PKCS_PSS)):
            signing = client.sign(key, kind, TLS, parameters=pss(bits))
            assert await rv_of(asyncio.ensure_future(signing)) == Rv.FUNCTION_CANCELED
        await running.until(lambda: len(gateway.requests) == 2)
        assert len(gateway.withdrawn) == 1
        assert [request["document"]["hash_algorithm"] for request in gateway.requests] == ["SHA-256", "SHA-384"]


@pytest.mark.parametrize(
    ("program", "family", "text", "hurried"),
    [
        ("firefox-esr", "RSA-PKCS1", "site (TLS)", True), ("chromium", "ECDSA", "site (TLS)", True),
        ("google-chrome", "RSA-PSS", "site (TLS)", True), ("curl", "RSA-PSS", "TLS) ou documento", False),
        ("openssl", "ECDSA", "TLS) ou documento", False), ("ssh", "ECDSA", "SSH", False),
        ("pdfsig", "RSA-PKCS1", "documento ou acesso", False),
        ("not-firefox", "RSA-PKCS1", "documento ou acesso", False),
    ],
)  # fmt: skip
def test_what_a_digest_may_be(program: str, family: str, text: str, hurried: bool) -> None:
    """Only browsers cut a handshake short; whoever signs documents may take the time that a request lives."""
    found = describe(Wanted(algorithm(family), bytes(32), None), program)
    assert (text in found.text, found.hurried) == (True, hurried)


async def test_a_yes_while_the_program_leaves_is_kept(running: Running, maria: Holder) -> None:
    """Approved, and the program gone before the signature came: what the holder approved is there when it returns."""
    gateway = running.gateway
    leaving = await P11Client.connect(running.socket)
    key = await key_of(leaving, MARIA)
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(request: web.Request) -> web.StreamResponse:
        arrived.set()
        await go_on.wait()
        return await drop(request)

    gateway.faults[SIGN] = [slowly]
    signing = asyncio.ensure_future(leaving.sign(key, Ckm.SHA256_RSA_PKCS, DATA))
    await arrived.wait()
    await leaving.close()
    go_on.set()
    with pytest.raises(ConnectionError):
        await signing
    await running.until(lambda: any("desistiu" in text for _, text in running.told.notices))
    back = await P11Client.connect(running.socket)
    verify(maria, await back.sign(key, Ckm.SHA256_RSA_PKCS, DATA), 256)
    assert len(gateway.requests) == 1
    await back.close()


async def test_many_at_once(running: Running, client: P11Client) -> None:
    """The same digest asked twice rings once; others queue; a program that floods is told no, and the rest goes on."""
    gateway, key = running.gateway, await key_of(client, MARIA)
    gateway.answer = "never"
    twice = [asyncio.ensure_future(client.sign(key, Ckm.SHA256_RSA_PKCS, DATA)) for _ in range(2)]
    await running.until(
        lambda: len(running.daemon._broker.waiting) == 1 and running.daemon._broker.waiting[0].waiters == 2
    )
    more = [asyncio.ensure_future(client.sign(key, Ckm.SHA256_RSA_PKCS, b"%d" % n)) for n in range(100)]
    await running.until(lambda: sum(task.done() for task in more) == 100 - (MAX_WAITING - 2))
    assert {await rv_of(task) for task in more if task.done()} == {Rv.FUNCTION_FAILED}
    assert len(gateway.requests) == 1
    info = await client.call("get_slot_info", u64(0))  # others are answered meanwhile
    assert info.blob()
    gateway.answer = "approve"
    assert (await twice[0]) == (await twice[1])
    await asyncio.gather(*(task for task in more if not task.done()))
    assert len(gateway.requests) == 1 + MAX_WAITING - 2


async def test_a_service_that_lies_or_is_gone(running: Running, client: P11Client) -> None:
    """A statement about other bytes, a wrong signature, no network: no signature leaves the daemon."""
    gateway, key = running.gateway, await key_of(client, MARIA)
    gateway.document_lie = {"documents": [{"label": "x", "size": None, "hash": "A" * 43}]}
    assert await rv_of(asyncio.ensure_future(client.sign(key, Ckm.SHA256_RSA_PKCS, DATA))) == Rv.DEVICE_ERROR
    assert len(gateway.withdrawn) == 1
    gateway.document_lie = {}
    gateway.signatures_lie = lambda made: [bytes(len(one)) for one in made]
    assert await rv_of(asyncio.ensure_future(client.sign(key, Ckm.SHA256_RSA_PKCS, DATA))) == Rv.DEVICE_ERROR
    gateway.signatures_lie = None
    gateway.faults["*"] = [fault_for_ever]
    assert await rv_of(asyncio.ensure_future(client.sign(key, Ckm.SHA256_RSA_PKCS, DATA))) == Rv.DEVICE_ERROR
    gateway.faults.clear()
    gateway.answer = "never"
    signing = asyncio.ensure_future(client.sign(key, Ckm.SHA256_RSA_PKCS, DATA))
    await running.until(lambda: running.daemon._broker.waiting and running.daemon._broker.waiting[0].code)
    gateway.ended = True  # on the phone, while the program waits
    assert await rv_of(signing) == Rv.DEVICE_REMOVED
    assert await rv_of(asyncio.ensure_future(client.sign(key, Ckm.SHA256_RSA_PKCS, DATA))) == Rv.DEVICE_REMOVED


def asked_for(**other: object) -> Asked:
    plain = {"program": "/usr/bin/curl", "profile": "p", "credential": "c", "algorithm": algorithm("RSA-PSS"),
             "digest": hashlib.sha256(b"a").digest()}  # fmt: skip
    return Asked(**(plain | other))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "other",
    [{"program": "/usr/bin/wget"}, {"credential": "d"}, {"profile": "q"}, {"digest": bytes(32)},
     {"algorithm": algorithm("RSA-PKCS1")}],
    ids=lambda other: next(iter(other)),
)  # fmt: skip
def test_a_late_yes_is_for_one_thing(other: dict[str, object]) -> None:
    """Another program, certificate, algorithm or digest gets nothing; the right one gets it, once."""
    grants = Grants(lambda: 1000)
    grants.keep(asked_for(), [b"signature"])
    assert grants.take(asked_for(**other)) is None
    assert grants.take(asked_for()) == [b"signature"]
    assert grants.take(asked_for()) is None


def test_a_late_yes_grows_old() -> None:
    """Two minutes later it serves nobody."""
    now = [1000]
    grants = Grants(lambda: now[0])
    grants.keep(asked_for(), [b"signature"])
    now[0] += LATE_YES_SECONDS
    assert grants.take(asked_for()) is None


@pytest.mark.parametrize(
    ("other", "name", "serves"),
            [
        ({}, "curl", True), ({"digest": bytes(32)}, "curl", True), ({}, "wget", False),
        ({"credential": "d"}, "curl", False), ({"algorithm": algorithm("RSA-PKCS1")}, "curl", False),
        ({"algorithm": algorithm("RSA-PSS", "SHA-384")}, "curl", False),
    ],
    ids=str,
)  # fmt: skip
def test_whom_a_session_serves(other: dict[str, object], name: str, serves: bool) -> None:
    """Any digest, but only of its certificate, algorithm and program; each use has a counter of its own."""
    grants = Grants(lambda: 1000)
    grants.open(OpenSession("p", "c", "act_1", "sad", Terms(1060, 2, "x", "RSA-PSS-SHA256"), "curl"))
    found = grants.session_for(asked_for(**other), name)
    assert (found is not None) == serves
    if found is not None:
        assert found[1] == 1
        assert (grants.session_for(asked_for(), "curl") or (None, 0))[1] == 2
        assert grants.session_for(asked_for(), "curl") is None, "two were allowed"


def test_a_session_ends_with_its_time() -> None:
    """Not a second later."""
    now = [1000]
    grants = Grants(lambda: now[0])
    grants.open(OpenSession("p", "c", "act_1", "sad", Terms(1060, 9, "x", "RSA-PSS-SHA256")))
    assert grants.session_for(asked_for(), "curl") is not None
    now[0] = 1060
    assert grants.session_for(asked_for(), "curl") is None
    assert grants.listed() == []
