"""The adapter to the SAM over a real private channel, with the SAM double behind it and with a SAM that lies."""

from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from foundation.channel import BadAnswer, Call, PrivateClient, private_app, serve_private
from foundation.clock import FixedClock
from foundation.encoding import JsonObject, b64u
from foundation.errors import LinkIdError, NotFound, Unavailable
from foundation.ids import new_id
from hsm_service.sam.errors import ActivationUnknown, BlockedElsewhere, NotBlocked, UnblockTooEarly
from pairing.adapters.sam_channel import SamOverChannel
from pairing.domain.warnings import Happening, read_lock
from pairing.errors import (
    BindingNotActive,
    CertificateNotActive,
    CredentialNotOfPhone,
    NothingToDecide,
    SessionNotFound,
)
from pairing.ports import AskingComputer, AskingIntegrator, Blocked, FixedDocument, GivenConsent, OpenSession, Sam
from protocol.decisions import message
from protocol.errors import ConsentUnknown, CredentialLocked, DocumentDecided, PasswordWrong
from protocol.keys import sign_raw
from tests.pairing.people import MARIAS, read_statement
from tests.support.callers import Caller
from tests.support.sam_double import RIGHT_PROOF, SamDouble

DEVICE = "dev_" + "0" * 26


def fixed_body(fixed: FixedDocument) -> JsonObject:
    return {
        "document": fixed.document,
        "statement": fixed.statement,
        "expires": int(fixed.expires.timestamp()),
    }


def seconds(moment: Any) -> int | None:
    return None if moment is None else int(moment.timestamp())


def calls(sam: SamDouble) -> dict[str, Call]:
    """docs/protocol.md section 10, as far as pairing uses it, in front of the double."""

    async def pair(body: Any) -> JsonObject:
        return fixed_body(await sam.fix_pair(**body))

    async def test(body: Any) -> JsonObject:
        return fixed_body(await sam.fix_test(**body))

    async def associate(body: Any) -> JsonObject:
        asking = AskingComputer(**body["computer"])
        return fixed_body(await sam.fix_associate(body["device"], body["credentials"], asking))

    async def identify(body: Any) -> JsonObject:
        assert set(body["integrator"]) == {"id"}  # its name is the SAM's to say
        asking = AskingIntegrator(body["integrator"]["id"], "ACME")
        return fixed_body(await sam.fix_identify(body["device"], asking, body["scope"], body["address"]))

    async def statement(body: Any) -> JsonObject:
        fixed = fixed_body(await sam.statement(**body))
        return {name: fixed[name] for name in ("statement", "expires")}

    async def waiting(body: Any) -> JsonObject:
        items = await sam.waiting(**body)
        return {"items": [{**asdict(item), "expires": int(item.expires.timestamp())} for item in items]}

    async def decide(body: Any) -> JsonObject:
        verdict = await sam.decide(**body)
        told = {name: value for name, value in asdict(verdict).items() if value is not None}
        if verdict.unblocked is not None:
            credential, since = told.pop("unblocked")
            told |= {"credential": credential, "blocked": int(since.timestamp())}
        return told

    async def state(body: Any) -> JsonObject:
        return {"state": await sam.state(**body)}

    async def evidence(body: Any) -> JsonObject:
        return {"evidence": await sam.evidence(**body)}

    async def withdraw(body: Any) -> JsonObject:
        await sam.withdraw(**body)
        return {}

    async def bindings(body: Any) -> JsonObject:
        return {
            "bindings": [
                {**asdict(one), "since": seconds(one.since), "until": seconds(one.until)}
                for one in await sam.bindings(**body)
            ]
        }

    async def end_bindings(body: Any) -> JsonObject:
        await sam.end_bindings(**body)
        return {}

    async def end_association(body: Any) -> JsonObject:
        await sam.end_association(body["computer"], body.get("device"))
        return {}

    async def generator(body: Any) -> JsonObject:
        return fixed_body(await sam.fix_generator(**body))

    async def passkey(body: Any) -> JsonObject:
        return fixed_body(await sam.fix_passkey(**body))

    async def passkey_end(body: Any) -> JsonObject:
        return fixed_body(await sam.fix_passkey_end(**body))

    async def consents(body: Any) -> JsonObject:
        told = []
        for one in await sam.consents(**body):
            times = {name: seconds(getattr(one, name)) for name in ("until", "created", "last_used")}
            told.append({**asdict(one), **times, "caller": {"id": new_id("cli"), "name": one.caller_name}})
        return {"consents": told}

    async def end_consent(body: Any) -> JsonObject:
        await sam.end_consent(**body)
        return {}

    async def sessions(body: Any) -> JsonObject:
        told = []
        for one in await sam.sessions(**body):
            caller = {"kind": one.caller_kind, "id": new_id("cmp"), "name": one.caller_name}
            times = {name: seconds(getattr(one, name)) for name in ("until", "created", "last_used")}
            told.append({**asdict(one), **times, "caller": caller})
        return {"sessions": told}

    async def end_session(body: Any) -> JsonObject:
        if not await sam.sessions(body["device"]):
            raise ActivationUnknown
        await sam.end_session(**body)
        return {}

    async def unblock(body: Any) -> JsonObject:
        return fixed_body(await sam.fix_unblock(**body))

    def told(blocks: list[Blocked]) -> JsonObject:
        return {
            "blocks": [
                {"credential": one.credential, "since": int(one.since.timestamp()), "by": one.by,
                 "from": None if one.undo is None else int(one.undo.timestamp()), "new": True}
                for one in blocks
            ]
        }  # fmt: skip

    async def block(body: Any) -> JsonObject:
        return told(await sam.block(**body))

    async def blocks(body: Any) -> JsonObject:
        return told(await sam.blocks(**body))

    return {
        "credentials/block": block,
        "credentials/blocks": blocks,
        "documents/unblock": unblock,
        "documents/generator": generator,
        "documents/passkey": passkey,
        "documents/passkey_end": passkey_end,
        "consents/list": consents,
        "consents/end": end_consent,
        "sessions/list": sessions,
        "sessions/end": end_session,
        "documents/pair": pair,
        "documents/test": test,
        "documents/associate": associate,
        "documents/identify": identify,
        "documents/statement": statement,
        "documents/waiting": waiting,
        "documents/decide": decide,
        "documents/state": state,
        "documents/withdraw": withdraw,
        "documents/evidence": evidence,
        "bindings/list": bindings,
        "bindings/end": end_bindings,
        "associations/end": end_association,
    }


@pytest.fixture
def double(clock: FixedClock) -> SamDouble:
    return SamDouble(clock, {MARIAS: "MARIA DA SILVA"})


@pytest.fixture
async def sam(double: SamDouble, tmp_path: Path) -> AsyncIterator[SamOverChannel]:
    server = await serve_private(private_app(calls(double)), f"unix:{tmp_path}/sam.sock")
    client = PrivateClient(server.address)
    yield SamOverChannel(client)
    await client.close()
    await server.close()


@pytest.fixture
def phone(clock: FixedClock) -> Caller:
    return Caller(None, clock, "")  # type: ignore[arg-type]  # it calls nobody, it only signs


def signed(phone: Caller, statement: str, word: str, proof: str | None) -> str:
    return b64u(sign_raw(phone.private, message(read_statement(statement).digest, word, proof)))


async def test_a_whole_pairing_goes_over_the_channel(sam: Sam, double: SamDouble, phone: Caller) -> None:
    """Every call of pairing's port, with the bodies of docs/protocol.md section 10."""
    asked = await sam.fix_pair(DEVICE, phone.key.jwk, "Celular", MARIAS)
    verdict = await sam.decide(
        asked.document,
        DEVICE,
        decision="approve",
        proof=RIGHT_PROOF,
        signature=signed(phone, asked.statement, "approve", RIGHT_PROOF),
    )

    assert (verdict.state, verdict.type) == ("approved", "pair")
    assert verdict.binding is not None

    test = await sam.fix_test(verdict.binding)
    [waiting] = await sam.waiting(DEVICE)

    assert (waiting.document, waiting.type, waiting.expires) == (test.document, "test", test.expires)
    assert (await sam.statement(test.document, DEVICE)).document == test.document
    assert await sam.state(test.document) == "waiting"

    signature = signed(phone, test.statement, "approve", None)
    await sam.decide(test.document, DEVICE, decision="approve", proof=None, signature=signature)
    [binding] = await sam.bindings(DEVICE)

    assert (binding.credential, binding.state) == (MARIAS, "active")

    word: JsonObject = {"authenticator_data": "AA", "client_data": "AA", "signature": "AA"}
    for ask, stands in (
        (sam.fix_passkey(DEVICE, MARIAS, {"id": "A" * 43, "key": phone.key.jwk}), True),
        (sam.fix_passkey_end(DEVICE, MARIAS), False),
    ):
        fixed = await ask
        signature = signed(phone, fixed.statement, "approve", RIGHT_PROOF)
        about = {"decision": "approve", "proof": RIGHT_PROOF, "signature": signature}
        await sam.decide(fixed.document, DEVICE, passkey=word, **about)
        assert [one.passkey for one in await sam.bindings(DEVICE)] == [stands]

    computer = AskingComputer(new_id("cmp"), "Notebook", "Debian", phone.key.jwk, "203.0.113.7")
    associate = await sam.fix_associate(DEVICE, [MARIAS], computer)
    signature = signed(phone, associate.statement, "approve", None)
    await sam.decide(associate.document, DEVICE, decision="approve", proof=None, signature=signature)

    assert double.associations == {(computer.id, DEVICE, MARIAS)}

    await sam.end_association(computer.id, DEVICE)
    identify = await sam.fix_identify(DEVICE, AskingIntegrator("cli_x", "ACME"), "service", "203.0.113.7")
    await sam.withdraw(identify.document)
    await sam.end_bindings(DEVICE)

    assert double.associations == set()
    assert await sam.state(identify.document) == "withdrawn"
    assert await sam.bindings(DEVICE) == []


async def test_errors_of_the_contract_keep_their_class_and_data(sam: Sam, phone: Caller) -> None:
    """A wrong password's tries left travel from the SAM to the phone."""
    asked = await sam.fix_pair(DEVICE, phone.key.jwk, "Celular", MARIAS)
    with pytest.raises(PasswordWrong) as caught:
        await sam.decide(
            asked.document,
            DEVICE,
            decision="approve",
            proof="wrong",
            signature=signed(phone, asked.statement, "approve", "wrong"),
        )

    assert caught.value.data["tries_left"] == 2


async def test_a_lock_travels_whole(sam: Sam, double: SamDouble, phone: Caller) -> None:
    """With its numbers and its null: the gateway tells every phone by it."""
    asked = await sam.fix_pair(DEVICE, phone.key.jwk, "Celular", MARIAS)
    lock: JsonObject = {"credential": MARIAS, "since": 1_763_899_200, "until": None}
    for wrong in (PasswordWrong(data={"tries_left": 0, "lock": lock}), CredentialLocked(data={"lock": lock})):
        double.wrong = wrong
        with pytest.raises(type(wrong)) as caught:
            await sam.decide(
                asked.document,
                DEVICE,
                decision="approve",
                proof="wrong",
                signature=signed(phone, asked.statement, "approve", "wrong"),
            )
        assert read_lock(caught.value.data) == Happening(
            "credential_locked", MARIAS, datetime(2025, 11, 23, 12, tzinfo=UTC), None
        )


async def test_a_block_and_its_end_go_over_the_channel(
    sam: Sam, double: SamDouble, phone: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who blocked, since when, from when on it may be undone; what the SAM refuses keeps its code and its wait."""
    double.bind(DEVICE, phone.key, MARIAS)
    [blocked] = await sam.block(DEVICE)
    assert (blocked.credential, blocked.by, blocked.undo) == (MARIAS, DEVICE, blocked.since + timedelta(hours=1))
    assert await sam.blocks(DEVICE) == [blocked]
    asked = await sam.fix_unblock(DEVICE, MARIAS)
    signature = signed(phone, asked.statement, "approve", RIGHT_PROOF)
    verdict = await sam.decide(asked.document, DEVICE, decision="approve", proof=RIGHT_PROOF, signature=signature)
    assert verdict.unblocked == (MARIAS, blocked.since)
    assert await sam.blocks(DEVICE) == []
    for error in (UnblockTooEarly(retry_after=100), BlockedElsewhere(), NotBlocked()):

        async def refuse(error: LinkIdError = error, **_: str) -> FixedDocument:
            raise error

        monkeypatch.setattr(double, "fix_unblock", refuse)
        with pytest.raises(LinkIdError) as caught:
            await sam.fix_unblock(DEVICE, MARIAS)
        assert (caught.value.code, caught.value.retry_after) == (error.code, error.retry_after)


async def test_what_the_sam_does_not_find_is_not_found(sam: Sam) -> None:
    """Under whatever name: the families are enough."""
    with pytest.raises(NotFound):
        await sam.statement("doc_" + "0" * 26, DEVICE)


async def test_a_sam_that_is_away_is_unavailable(tmp_path: Path) -> None:
    """Nothing was decided; the same request may succeed in a moment."""
    client = PrivateClient(f"unix:{tmp_path}/nobody.sock")
    with pytest.raises(Unavailable):
        await SamOverChannel(client).waiting(DEVICE)
    await client.close()


class Lying:
    """A channel on which every call has the same answer, or raises it."""

    def __init__(self, answer: JsonObject | LinkIdError) -> None:
        self._answer = answer

    async def call(
        self, name: str, body: JsonObject | None = None, *, deadline: float = 10.0, near: str | None = None
    ) -> JsonObject:
        if isinstance(self._answer, LinkIdError):
            raise self._answer
        return self._answer


def coded(code: str) -> LinkIdError:
    """An error as the SAM's process names it."""
    error = NotFound()
    error.code = code  # type: ignore[misc]  # as the channel makes errors of classes it does not have
    return error


@pytest.mark.parametrize(
    ("code", "ours"),
    [
        ("document_unknown", NothingToDecide),
        ("credential_unknown", CredentialNotOfPhone),
        ("credential_not_active", CertificateNotActive),
        ("binding_unknown", BindingNotActive),
    ],
)
async def test_the_sams_own_words_become_ours(code: str, ours: type[LinkIdError]) -> None:
    """So that the phone gets a sentence that fits it."""
    with pytest.raises(ours):
        await SamOverChannel(Lying(coded(code))).fix_test("bnd_x")


@pytest.mark.parametrize("error", [DocumentDecided(), CredentialLocked(retry_after=60)])
async def test_other_errors_pass_unchanged(error: LinkIdError) -> None:
    """Locks keep their end."""
    with pytest.raises(type(error)) as caught:
        await SamOverChannel(Lying(error)).fix_test("bnd_x")

    assert caught.value is error


Ask = Callable[[SamOverChannel], Any]

QUESTIONS: list[Ask] = [
    lambda sam: sam.fix_test("bnd_x"),
    lambda sam: sam.statement("doc_x", DEVICE),
    lambda sam: sam.waiting(DEVICE),
    lambda sam: sam.decide("doc_x", DEVICE, decision="approve", proof=None, signature="x"),
    lambda sam: sam.state("doc_x"),
    lambda sam: sam.bindings(DEVICE),
]


@pytest.mark.parametrize("ask", QUESTIONS)
@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"document": 7, "statement": 7, "expires": 1, "state": 7, "items": {}, "bindings": "x"},
        {"document": "d", "statement": "s", "expires": "soon", "state": "maybe", "items": [7], "bindings": [{}]},
        {"document": "d", "statement": "s", "expires": True, "state": "flying", "items": [{}], "bindings": None},
    ],
)
async def test_an_answer_of_another_form_is_a_fault_of_ours(ask: Ask, answer: JsonObject) -> None:
    """Versions that do not fit are found at the first call, not in somebody's approval."""
    with pytest.raises(BadAnswer):
        await ask(SamOverChannel(Lying(answer)))


async def test_sessions_come_over_the_channel(sam: Sam, double: SamDouble, clock: FixedClock) -> None:
    """Each member as it was; an end is carried; what the SAM does not know is no session of this phone's."""
    with pytest.raises(SessionNotFound):
        await sam.end_session(new_id("act"), DEVICE)
    await sam.fix_pair(DEVICE, Caller(None, clock, "").key.jwk, "Celular", MARIAS)  # type: ignore[arg-type]
    next(iter(double._bound.values())).state = "active"
    for last_used, with_key in ((None, True), (clock.now(), False)):
        session = OpenSession(
            activation=new_id("act"), request=new_id("req"), credential=MARIAS, caller_kind="computer",
            caller_name="Notebook", purpose="Notas", until=clock.now(), maximum=9, used=3, created=clock.now(),
            last_used=last_used, with_key=with_key,
        )  # fmt: skip
        double.open_sessions = {session.activation: session}
        assert await sam.sessions(DEVICE) == [session]
    await sam.end_session(session.activation, DEVICE)
    assert double.open_sessions == {}


async def test_consents_and_generators_come_over_the_channel(sam: Sam, double: SamDouble, clock: FixedClock) -> None:
    """Each member as it was; an end is carried; a generator's secret stays sealed."""
    with pytest.raises(ConsentUnknown):
        await sam.end_consent(new_id("req"), DEVICE)
    caller = Caller(None, clock, "")  # type: ignore[arg-type]
    with pytest.raises(BindingNotActive):
        await sam.fix_generator(DEVICE, MARIAS, caller.key.jwk)
    await sam.fix_pair(DEVICE, caller.key.jwk, "Celular", MARIAS)
    next(iter(double._bound.values())).state = "active"
    for last_used in (None, clock.now()):
        consent = GivenConsent(
            consent=new_id("req"), credential=MARIAS, caller_name="Hospital", purpose="Plantão", until=clock.now(),
            maximum=9, used=3, created=clock.now(), last_used=last_used,
        )  # fmt: skip
        double.given = {consent.consent: consent}
        assert await sam.consents(DEVICE) == [consent]
    await sam.end_consent(consent.consent, DEVICE)
    assert double.given == {}
    assert (await sam.fix_generator(DEVICE, MARIAS, caller.key.jwk)).document.startswith("doc_")
