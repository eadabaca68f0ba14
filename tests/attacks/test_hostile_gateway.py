"""Attacker 4 of docs/threats.md, seen by the holder's programs: a gateway that answers whatever it likes.

Phone, emission page and agent talk to a real Link ID through it. Whatever it makes of a statement, they refuse it
before a password is stretched or a decision sent. What it can do inside is in test_hostile_gateway_inside.py.
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from demo.computer import Ask
from demo.stack import Stack
from demo.world import World
from desktop_agent.client.http import Caller
from desktop_agent.domain.trust import read_trust
from desktop_agent.errors import ServiceRefused, UntrustedServer
from desktop_agent.plan import Job
from desktop_agent.sign import Options, Signing
from foundation.encoding import b64u, canonical_json, unb64u
from foundation.ids import new_id
from protocol.activation import activation_key
from protocol.asks import SignedAsk
from protocol.keys import sign_raw
from sandbox_phone.emission import SandboxEmission
from sandbox_phone.errors import Expired, Malformed, Untrusted
from sandbox_phone.gateway import wall_clock
from sandbox_phone.phone import SandboxPhone
from sandbox_phone.storage import MemoryStorage
from tests.agent import pdfs
from tests.agent.views import RecordingSigning
from tests.attacks.hostile import Answer, HostileGateway, Inside, joined, own_key, parts, signed_by

pytestmark = pytest.mark.asyncio(loop_scope="session")

EVIL = hashlib.sha256(b"something the holder never saw").digest()
HIS, HIS_PUBLIC = own_key()
Tamper = Callable[[str], str]


@pytest.fixture
def stretched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Passwords that a program stretched."""
    from sandbox_phone.domain import proof

    typed: list[str] = []
    original = proof.stretch

    def watched(password: str, *rest: Any) -> bytes:
        typed.append(password)
        return original(password, *rest)

    monkeypatch.setattr(proof, "stretch", watched)
    return typed


@pytest_asyncio.fixture(loop_scope="session")
async def ask(maria: World) -> AsyncIterator[Ask]:
    """A genuine request of Maria's computer, waiting for her phone.

    Whatever was lied about it, it waits still, and her phone decides it as soon as the gateway is honest.
    """
    asked = await maria.computer.ask(maria.credential)
    yield asked
    waiting = [one for one in await maria.phone.waiting() if one.id == asked.request]
    if waiting:
        await maria.phone.approve(waiting[0], maria.holder.password)
    await maria.computer.sad(asked)  # raises unless it is approved


async def evil_request(inside: Inside, maria: World) -> Answer:
    """A request he makes himself, in an integrator's name, over a hash of his; genuine as far as the SAM can say."""
    answer: Answer = await inside.call("sam", "documents/sign", **_evil_body(maria, await inside.integrator()))
    return answer


def _evil_body(maria: World, caller: Answer) -> Answer:
    return {
        "credential": maria.credential, "caller": caller, "hashes": [b64u(EVIL)],
        "hash_algorithm": "SHA-256", "sign_algorithm": "RSA-PKCS1-SHA256",
        "documents": [{"label": "contrato.pdf", "size": 48213}],
        "activation_key": b64u(activation_key(secrets.token_bytes(32))),
    }  # fmt: skip


def _evil_ask(maria: World, ask: Answer | None) -> Answer:
    """In her computer's name."""
    return {**_evil_body(maria, {"kind": "computer", "id": maria.computer.id}), "ask": ask}


# --- the phone -------------------------------------------------------------------------------------------------------


def payload_with(change: Callable[[Answer], object]) -> Tamper:
    """Something else in the payload; the root's signature is left as it was."""

    def tamper(statement: str) -> str:
        header, payload, tail = parts(statement)
        change(payload)
        return joined(header, payload, tail)

    return tamper


def document_with(change: Callable[[Answer], object]) -> Callable[[Answer], object]:
    """Something else in the document's bytes."""

    def into(payload: Answer) -> None:
        document = json.loads(unb64u(payload["document"], max_len=100_000))
        change(document)
        payload["document"] = b64u(canonical_json(document))

    return into


def other_hashes(document: Answer) -> None:
    document["documents"][0]["hash"] = b64u(EVIL)


def his_transport_key(payload: Answer) -> None:
    payload["proof"]["transport_key"] = HIS_PUBLIC.jwk


def weak_argon2(payload: Answer) -> None:
    payload["proof"]["argon2"] = {"m": 8, "t": 1, "p": 1}


def resigned(change: Callable[[Answer], object], *, as_root: bool) -> Tamper:
    """Changed and signed by his own key, under its own name or under the root's."""

    def tamper(statement: str) -> str:
        header, payload, _ = parts(statement)
        change(payload)
        return signed_by(HIS, header if as_root else {**header, "kid": HIS_PUBLIC.jkt}, payload)

    return tamper


def with_header(**members: Any) -> Tamper:
    def tamper(statement: str) -> str:
        header, payload, tail = parts(statement)
        return joined({**header, **members}, payload, tail)

    return tamper


def key_in_header(statement: str) -> str:
    header, payload, _ = parts(statement)
    return signed_by(HIS, {**header, "jwk": HIS_PUBLIC.jwk}, payload)


def by_hmac(statement: str) -> str:
    """The root's public key taken for a shared secret."""
    header, payload, _ = parts(statement)
    head, body, _ = joined({**header, "alg": "HS256"}, payload, "").split(".")
    mac = hmac.digest(header["kid"].encode(), f"{head}.{body}".encode(), "sha256")
    return f"{head}.{body}.{b64u(mac)}"


TAMPERED: dict[str, Tamper] = {
    "other hashes": payload_with(document_with(other_hashes)),
    "other hashes, his signature": resigned(document_with(other_hashes), as_root=False),
    "other hashes, his signature under the root's name": resigned(document_with(other_hashes), as_root=True),
    "another label": payload_with(document_with(lambda document: document["documents"][0].update(label="nota.pdf"))),
    "another caller": payload_with(document_with(lambda document: document["caller"].update(name="Banco"))),
    "another code": payload_with(document_with(lambda document: document.update(verification_code="99"))),
    "longer life": payload_with(document_with(lambda document: document.update(expires=4_000_000_000))),
    "an extra member in the document": payload_with(document_with(lambda document: document.update(extra=1))),
    "an extra member beside it": payload_with(lambda payload: payload.update(extra=1)),
    "his transport key": payload_with(his_transport_key),
    "his transport key, his signature": resigned(his_transport_key, as_root=False),
    "his transport key, his signature under the root's name": resigned(his_transport_key, as_root=True),
    "weak Argon2": payload_with(weak_argon2),
    "weak Argon2, his signature": resigned(weak_argon2, as_root=True),
    "no password wanted": payload_with(lambda payload: payload.update(proof=None)),
    "another salt": payload_with(lambda payload: payload["proof"].update(salt=b64u(bytes(16)))),
    "alg none": with_header(alg="none"),
    "typ of something else": with_header(typ="linkid+possession"),
    "a critical extension": with_header(crit=["exp"]),
    "his key in the header": key_in_header,
    "HMAC with the public key": by_hmac,
    "no signature": lambda statement: statement.rpartition(".")[0] + ".",
    "cut off": lambda statement: statement[: len(statement) // 2],
    "empty": lambda statement: "",
}


def instead(make: Tamper) -> Callable[[Answer], Answer]:
    return lambda answer: {**answer, "statement": make(answer["statement"])}


@pytest.mark.parametrize("name", TAMPERED)
async def test_a_tampered_statement_gets_no_password(
    maria: World, hostile: HostileGateway, ask: Ask, stretched: list[str], name: str
) -> None:
    """Bytes, hashes, transport key, parameters, signature: whatever is changed, the phone neither asks nor answers."""
    before = len(hostile.bodies("/decision"))
    with hostile.lying("/phone/v1/documents/", instead(TAMPERED[name])), pytest.raises((Untrusted, Malformed)):
        await maria.phone.approve(await maria.phone.fetch(ask.request), maria.holder.password)
    assert stretched == []
    assert len(hostile.bodies("/decision")) == before


async def test_the_honest_statement_does_get_it(maria: World, ask: Ask, stretched: list[str]) -> None:
    """The same path without a lie: otherwise the test above would prove nothing."""
    await maria.phone.approve(await maria.phone.fetch(ask.request), maria.holder.password)
    assert stretched == [maria.holder.password]
    (signature,) = await maria.computer.sign(maria.credential, await maria.computer.sad(ask), ask.hashes)
    maria.verify(ask.hashes[0], signature)


async def test_genuine_statements_of_something_else(
    maria: World, hostile: HostileGateway, inside: Inside, ask: Ask, stretched: list[str]
) -> None:
    """Another request, a phone's pairing, the AC's statement, another kind of object: each genuine, none this one."""
    evil = await evil_request(inside, maria)
    pairing = await inside.call("sam", "documents/pair", device=new_id("dev"), device_key=HIS_PUBLIC.jwk,
                                nickname="x", credential=maria.credential)  # fmt: skip
    visit = await inside.call("ac", "emission/start", protocol="1234567890", key=HIS_PUBLIC.jwk)
    transport = await inside.call("ac", "transport")
    try:
        for genuine in (evil, pairing, visit, transport):
            lie = instead(lambda _, found=genuine: found["statement"])  # type: ignore[misc]
            with hostile.lying("/phone/v1/documents/", lie), pytest.raises((Untrusted, Malformed)):
                await maria.phone.approve(await maria.phone.fetch(ask.request), maria.holder.password)
            with hostile.lying("/phone/v1/bindings", lie), pytest.raises((Untrusted, Malformed)):
                await maria.phone.bind(maria.credential, maria.holder.password)
    finally:
        await inside.call("sam", "documents/withdraw", document=evil["document"])
    assert stretched == []


async def test_an_old_statement_is_late(maria: World, ask: Ask, stretched: list[str]) -> None:
    """A statement kept for 180 seconds is refused by the phone's own clock."""
    state = {"key": maria.phone._state["key"], "trust": maria.phone.trust.source.decode()}
    storage = MemoryStorage()
    storage.save({**maria.phone._state, **state})
    async with await SandboxPhone.open(storage=storage, clock=lambda: wall_clock() + 181) as later:
        answer = await maria.phone._gateway.call("GET", f"/phone/v1/documents/{ask.request}")
        with pytest.raises(Expired):
            later.read(answer["statement"], id=ask.request)
    assert stretched == []


async def test_other_bytes_at_the_second_look(maria: World, hostile: HostileGateway, inside: Inside, ask: Ask) -> None:
    """ "Your transport key is retired, look again" does not slip another document under an approval that was given."""
    evil = await evil_request(inside, maria)
    statement = await maria.phone.fetch(ask.request)
    before = len(hostile.bodies("/decision"))
    retired = {"code": "transport_key_retired", "message": "…"}
    try:
        with (
            hostile.answering("/decision", 409, retired),
            hostile.lying("/phone/v1/documents/", instead(lambda _: evil["statement"])),
            pytest.raises(Untrusted),
        ):
            await maria.phone.approve(statement, maria.holder.password)
    finally:
        await inside.call("sam", "documents/withdraw", document=evil["document"])
    assert len(hostile.bodies("/decision")) == before + 1  # the one about what was shown


async def test_the_qr_of_a_request_opens_that_request(
    maria: World, hostile: HostileGateway, inside: Inside, ask: Ask, stretched: list[str]
) -> None:
    """Who scans what their own computer shows does not get another request for it, nor one for a link's frame."""
    evil = await evil_request(inside, maria)
    qr = f"{maria.stack.app}/r#1.{ask.request}"
    try:
        assert (await maria.phone.scan(qr)).id == ask.request
        with hostile.answering("/phone/v1/scan", 200, {"statement": evil["statement"]}):
            for text in (qr, f"{maria.stack.app}/l#1.{b64u(bytes(16))}.1.{b64u(bytes(16))}", "ABCDE-FGHJK"):
                with pytest.raises(Untrusted):
                    await maria.phone.scan(text)
    finally:
        await inside.call("sam", "documents/withdraw", document=evil["document"])
    assert stretched == []


# --- the emission page -----------------------------------------------------------------------------------------------


async def test_the_emission_page_types_nothing_into_somebody_elses_visit(
    stack: Stack, maria: World, hostile: HostileGateway, inside: Inside, stretched: list[str]
) -> None:
    """Statements of AC and SAM for his own key, another protocol number, another visit: genuine, and refused."""
    placed = await stack.new_request(**maria.holder.order)
    protocol, cpf, password = placed["protocol"], maria.holder.cpf, placed["install_password"]
    async with SandboxEmission(maria.phone.trust) as page:
        for other in ({"protocol": protocol}, {"protocol": "1234567890"}):
            key = HIS_PUBLIC.jwk if other["protocol"] == protocol else _jwk(page)
            his = await inside.call("ac", "emission/start", key=key, **other)
            with hostile.lying("/emission/v1/start", lambda _, his=his: his), pytest.raises(Untrusted):  # type: ignore[misc]
                await page.identify(await page.start(protocol), cpf=cpf, install_password=password)
        assert stretched == []
        term = await page.identify(await page.start(protocol), cpf=cpf, install_password=password)
        assert stretched == [password]
        for emission, key in ((str(page._emission), HIS_PUBLIC.jkt), (new_id("ems"), page.jkt)):
            prepared = await inside.call("sam", "emission/prepare", emission=emission, key=key,
                                         key_algorithm="RSA-2048")  # fmt: skip
            with hostile.answering("/agree", 200, {"statement": prepared["statement"]}), pytest.raises(Untrusted):
                await page.set_password(await page.agree(term), maria.holder.password)
        assert stretched == [password]


def _jwk(page: SandboxEmission) -> Any:
    from sandbox_phone.domain import keys

    return keys.public_jwk(page._key)


# --- the computer ----------------------------------------------------------------------------------------------------


class Desk:
    """The real agent with Maria's association, and a PDF on the desk."""

    def __init__(self, maria: World, folder: Path) -> None:
        self.maria, self.folder, self.view = maria, folder, RecordingSigning()

    async def sign(self) -> Path:
        source = pdfs.blank(self.folder / "contrato.pdf")
        job = Job(source, self.folder / "assinado.pdf")
        trust = read_trust(self.maria.phone.trust.source)
        async with Caller(trust.gateway, self.maria.computer.key) as caller:
            chosen = Options(credential=self.maria.credential, tick=0.02, qr_after=100.0)
            await Signing(caller, self.maria.computer.id, trust, self.view, chosen).run([job])
        return job.output


@pytest.fixture
def desk(maria: World, tmp_path: Path) -> Desk:
    return Desk(maria, tmp_path)


async def test_the_agent_acts_on_the_sams_words_alone(
    desk: Desk, maria: World, hostile: HostileGateway, inside: Inside
) -> None:
    """A request over another hash, by another caller, or changed: no code is shown; the person is told to refuse."""
    evil = await evil_request(inside, maria)
    changed = [lambda _: evil["statement"], TAMPERED["other hashes"], TAMPERED["other hashes, his signature"],
               TAMPERED["another caller"], TAMPERED["another code"]]  # fmt: skip
    try:
        for tamper in changed:

            def lie(answer: Answer, tamper: Tamper = tamper) -> Answer:
                ours = answer["linkid"]
                return {**answer, "linkid": {**ours, "statement": tamper(ours["statement"])}}

            with hostile.lying("/csc/v2/credentials/authorize", lie), pytest.raises(UntrustedServer) as caught:
                await desk.sign()
            assert "Não fui eu" in caught.value.advice
            assert desk.view.confirmed is None
    finally:
        await inside.call("sam", "documents/withdraw", document=evil["document"])
    assert not (desk.folder / "assinado.pdf").exists()


async def test_nobody_asks_in_the_computers_name(
    desk: Desk, maria: World, hostile: HostileGateway, inside: Inside
) -> None:
    """He asks as Maria's computer for his hash under the label she expects, with every signature he can lay hands on.

    He sees what her computer signed for its own request, may keep that from the SAM, and has keys of his own. The SAM
    refuses each, and nothing is there that a phone could show.
    """
    (taken,) = await _kept_from_the_sam(desk, hostile)
    fresh = {**taken, "nonce": b64u(secrets.token_bytes(16))}
    own = SignedAsk(secrets.token_bytes(16), taken["created"], sign_raw(HIS, b"x")).members()
    for ask in (None, {}, taken, fresh, own):
        call = inside.refused("sam", "documents/sign", **_evil_ask(maria, ask))
        assert (ask, await call) == (ask, "ask_invalid")
    assert [one for one in await maria.phone.waiting() if one.type == "sign"] == []
    assert desk.view.confirmed is None


async def _kept_from_the_sam(desk: Desk, hostile: HostileGateway) -> list[Answer]:
    """What Maria's computer signs, for a call that he answers himself."""
    with hostile.answering("/csc/v2/credentials/authorize", 400, {"error": "invalid_request"}):
        with pytest.raises(ServiceRefused):
            await desk.sign()
    sent = hostile.bodies("/csc/v2/credentials/authorize")[-1]
    return [json.loads(sent["clientData"])["ask"]]


async def test_a_certificate_that_is_not_the_credentials(desk: Desk, hostile: HostileGateway, maria: World) -> None:
    """Another genuine certificate (the issuer's) handed out as Maria's is refused before anything is asked."""

    def lie(answer: Answer) -> Answer:
        chain = answer["cert"]["certificates"]
        return {**answer, "cert": {**answer["cert"], "certificates": [*chain[1:], chain[0]]}}

    with hostile.lying("/csc/v2/credentials/info", lie), pytest.raises(UntrustedServer):
        await desk.sign()
    assert desk.view.confirmed is None


async def test_a_signature_over_something_else_is_not_embedded(
    desk: Desk, hostile: HostileGateway, maria: World
) -> None:
    """The holder approved; what comes back is genuine, by her key, and over another hash: the file is not written."""
    (other,) = await maria.signed()

    async def approve(answer: Answer) -> Answer:
        await maria.phone.approve(await maria.phone.fetch(answer["linkid"]["request"]), maria.holder.password)
        return answer

    def lie(answer: Answer) -> Answer:
        return {**answer, "signatures": [base64.b64encode(other).decode()]}

    with (
        hostile.lying(
            "/csc/v2/credentials/authorize", lambda answer: approve(answer) if "linkid" in answer else answer
        ),
        hostile.lying("/csc/v2/signatures/signHash", lie),
        pytest.raises(UntrustedServer),
    ):
        await desk.sign()
    assert not (desk.folder / "assinado.pdf").exists()
