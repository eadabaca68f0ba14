"""Decisions that are not the holder's, not about these bytes, or not in time: refused, and nothing changed."""

import asyncio
import hashlib
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from foundation.encoding import b64u
from foundation.errors import LinkIdError, family_of
from hsm_service.hsm.slots import add_transport_key
from hsm_service.sam.credentials.domain import Credential
from protocol import decisions, proofs
from protocol.keys import P256Key, sign_raw
from tests.sam.world import PASSWORD, Request, Signer, World, altered, raw, stretched

NO_REQUEST = "req_0123456789abcdefghjkmnpqrs"


class Scene:
    """A holder with a phone, and a request that waits."""

    def __init__(self, world: World, credential: str, phone: Signer, request: Request) -> None:
        self.world, self.credential, self.phone, self.request = world, credential, phone, request

    async def refused(self, body: dict[str, Any], device: str | None = None, document: str | None = None) -> str:
        """The refusal's code; and nothing changed: the request waits still, nothing was activated."""
        code = await self.world.refused(
            "documents/decide", document=document or self.request.id, device=device or self.phone.id, **body
        )
        assert await self.world.sql("SELECT * FROM sam.activations") == []
        state = await self.world.call("documents/state", document=self.request.id)
        assert state["state"] in ("waiting", "expired")
        return code


@pytest.fixture
async def scene(world: World) -> Scene:
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    return Scene(world, credential, phone, await world.ask(credential, algorithm="ECDSA-SHA256"))


async def test_bytes_altered_by_one_bit(scene: Scene) -> None:
    """What the phone signed differs from what is stored in one bit: not decided."""
    document = scene.request.statement.document
    body = scene.phone.decision(scene.request.statement)
    for index in range(0, len(document.data), 41):
        data = bytearray(document.data)
        data[index] ^= 1
        message = decisions.message(hashlib.sha256(bytes(data)).digest(), "approve", body["proof"])
        lie = {**body, "signature": b64u(sign_raw(scene.phone.key, message))}
        assert await scene.refused(lie) == "decision_invalid"


@pytest.mark.parametrize("part", ["decision", "proof", "signature"])
async def test_an_altered_answer(scene: Scene, part: str) -> None:
    """A word, proof or signature other than the one signed is refused."""
    body = scene.phone.decision(scene.request.statement)
    other = {
        "decision": "refuse:changed-mind",
        "proof": scene.phone.decision(scene.request.statement)["proof"],
        "signature": b64u(bytes([raw(body["signature"])[0] ^ 1]) + raw(body["signature"])[1:]),
    }
    assert await scene.refused({**body, part: other[part]}) == "decision_invalid"


async def test_another_holders_phone(scene: Scene) -> None:
    """A phone that is bound to somebody else's credential, or to none, decides nothing here.

    It is told what it would be told of a request that never was, word and proof whatever they may be: otherwise it
    would learn which requests exist, and whether they are decided.
    """
    other = await scene.world.phone(await scene.world.credential("P-256"))
    stranger, body = Signer(), other.decision(scene.request.statement)
    no = other.decision(scene.request.statement, word="refuse:not-me")
    for phone in (other, stranger):
        for one in (
            body,
            no,
            {**body, "proof": None},
            {**body, "proof": "x"},
            stranger.decision(scene.request.statement),
        ):
            here, nowhere = [await _refusal(scene.world, id_, phone, one) for id_ in (scene.request.id, NO_REQUEST)]
            assert here == nowhere
            assert here[:2] == ("document_unknown", "not_found")
    assert await scene.refused(body) == "decision_invalid"  # another's signature under the holder's phone id
    assert await scene.refused(Signer().decision(scene.request.statement)) == "decision_invalid"
    with pytest.raises(AssertionError):
        await scene.refused(scene.phone.decision(scene.request.statement))  # the holder's own goes through


async def _refusal(world: World, id_: str, phone: Signer, body: dict[str, Any]) -> tuple[str, str, str, Any]:
    """All that the other side of the channel hears of a refusal, but its inner detail."""
    with pytest.raises(LinkIdError) as caught:
        await world.call("documents/decide", document=id_, device=phone.id, **body)
    error = caught.value
    return error.code, family_of(type(error)).code, error.message, (dict(error.data), error.retry_after)


async def test_a_decided_request_is_no_news_to_a_foreign_phone(scene: Scene) -> None:
    """Decided, or too late: a phone that may not decide it hears the same as of one that never was."""
    other = await scene.world.phone(await scene.world.credential("P-256"))
    late = await scene.world.ask(await scene.world.credential("P-256"), algorithm="ECDSA-SHA256")
    await scene.world.approve(scene.phone, scene.request)
    scene.world.clock.advance(timedelta(seconds=181))
    for request in (scene.request, late):
        assert await scene.world.refused(
            "documents/decide", document=request.id, device=other.id, **other.decision(request.statement)
        ) == "document_unknown"  # fmt: skip


async def test_a_phone_on_trial_or_unbound(scene: Scene) -> None:
    """A phone whose test has not come back, or whose binding ended, decides nothing."""
    trial = Signer()
    await scene.world.pair(scene.credential, trial)
    assert await scene.refused(trial.decision(scene.request.statement), trial.id) == "document_unknown"
    await scene.world.call("bindings/end", device=scene.phone.id)
    assert await scene.refused(scene.phone.decision(scene.request.statement)) == "document_unknown"


async def test_late(scene: Scene) -> None:
    """After its 180 seconds a request is decided no more, not even refused."""
    bodies = [scene.phone.decision(scene.request.statement, word=word) for word in ("approve", "refuse:not-me")]
    scene.world.clock.advance(timedelta(seconds=180))
    for body in bodies:
        assert await scene.refused(body) == "document_expired"
    assert await scene.world.call("documents/state", document=scene.request.id) == {"state": "expired"}
    assert (
        await scene.world.refused("documents/statement", document=scene.request.id, device=scene.phone.id)
        == "document_expired"
    )


async def test_after_a_refusal(scene: Scene) -> None:
    """No becomes no yes: the first answer counts."""
    await scene.world.call(
        "documents/decide", document=scene.request.id, device=scene.phone.id,
        **scene.phone.decision(scene.request.statement, word="refuse:changed-mind"),
    )  # fmt: skip
    body = scene.phone.decision(scene.request.statement)
    assert await scene.world.refused(
        "documents/decide", document=scene.request.id, device=scene.phone.id, **body
    ) == "document_decided"  # fmt: skip
    assert await scene.world.sql("SELECT * FROM sam.activations") == []


async def test_a_yes_to_another_request_serves_no_other(scene: Scene) -> None:
    """A decision and its proof cannot be moved to another request, nor into another type of document."""
    other_caller = {**scene.world.integrator, "id": "cli_0123456789abcdefghjkmnpqrs"}
    other = await scene.world.ask(scene.credential, algorithm="ECDSA-SHA256", caller=other_caller)
    body = scene.phone.decision(other.statement)
    assert await scene.refused(body) == "decision_invalid"
    # signed for this one, with the other's proof inside
    lie = scene.phone.decision(scene.request.statement, document=other.statement.document)
    assert await scene.refused(lie) == "proof_invalid"


@pytest.mark.parametrize("lie", ["purpose", "device", "nonce", "hash"])
async def test_a_proof_for_something_else(scene: Scene, lie: str) -> None:
    """The proof names purpose, document, its hash, device and nonce; each must be this one's."""
    document = scene.request.statement.document
    every: dict[str, dict[str, Any]] = {
        "purpose": {"purpose": "pair"},
        "device": {"device": Signer().public},
        "nonce": {"document": altered(document, nonce=b64u(bytes(16)))},
        "hash": {"document": altered(document, subject="JOSÉ")},
    }
    assert await scene.refused(scene.phone.decision(scene.request.statement, **every[lie])) == "proof_invalid"


async def test_a_proof_that_does_not_open_takes_no_try(scene: Scene) -> None:
    """A try is taken only when the proof opened, also on a ladder that stands already; and nobody hears of a lock by a
    proof that does not."""
    world = scene.world
    await world.approve(scene.phone, scene.request)  # the ladder has its row

    async def totals() -> list[int]:
        rows = await world.sql("SELECT total FROM sam.attempts WHERE purpose = 'sign'")
        tries = await world.sql("SELECT count(*) AS count FROM sam.tries")
        return [rows[0]["total"], tries[0]["count"]]

    before = await totals()
    asked = await world.ask(scene.credential, algorithm="ECDSA-SHA256")
    stranger = P256Key.from_public(ec.generate_private_key(ec.SECP256R1()).public_key())
    lies: list[dict[str, Any]] = [{"purpose": "pair"}, {"device": Signer().public}, {"transport_key": stranger}]
    codes = ["proof_invalid", "proof_invalid", "transport_key_retired"]
    place: dict[str, Any] = {"document": asked.id, "device": scene.phone.id}
    for lie, code in zip(lies, codes, strict=True):
        body = scene.phone.decision(asked.statement, **lie)
        assert await world.refused("documents/decide", **place, **body) == code
    assert await totals() == before
    for _ in range(3):
        body = scene.phone.decision(asked.statement, password="Errada123")
        assert await world.refused("documents/decide", **place, **body) == "password_wrong"
    body = scene.phone.decision(asked.statement, purpose="pair")
    assert await world.refused("documents/decide", **place, **body) == "proof_invalid"
    body = scene.phone.decision(asked.statement)
    assert await world.refused("documents/decide", **place, **body) == "credential_locked"
    assert await totals() == [count + 3 for count in before]


@pytest.mark.parametrize("member", ["purpose", "document", "hash", "device", "nonce"])
async def test_each_member_of_a_proof_counts(scene: Scene, member: str) -> None:
    """One member alone is another's, all the rest is right: refused, so that none leans on the others."""
    statement = scene.request.statement
    assert statement.proof is not None
    other = {"purpose": "emit", "document": "req_0123456789abcdefghjkmnpqrs"}.get(member, b64u(bytes(32)))
    right = stretched(PASSWORD, statement.proof.salt)
    claims = proofs.claims_members("sign", statement.document, scene.phone.public, right)
    proof = proofs.encrypt({**claims, member: other}, statement.proof.transport_key)
    signature = sign_raw(scene.phone.key, decisions.message(statement.document.digest, "approve", proof))
    assert await scene.refused({"decision": "approve", "proof": proof, "signature": b64u(signature)}) == "proof_invalid"


async def test_no_proof_or_one_too_many(scene: Scene) -> None:
    """A yes to a request without the password is none; a password where none was asked is refused too."""
    assert await scene.refused(scene.phone.decision(scene.request.statement, password=None)) == "proof_invalid"
    made = await scene.world.call(
        "documents/identify", device=scene.phone.id, scope="s", address="a",
        integrator={"id": scene.world.integrator["id"]},
    )  # fmt: skip
    document = scene.world.open(made["statement"]).document
    proof = scene.phone.decision(scene.request.statement)["proof"]
    signature = sign_raw(scene.phone.key, decisions.message(document.digest, "approve", proof))
    body = {"decision": "approve", "proof": proof, "signature": b64u(signature)}
    assert await scene.refused(body, document=made["document"]) == "proof_invalid"


async def test_transport_keys(scene: Scene) -> None:
    """A proof to a foreign key is refused; one to a rotated key is good for ten minutes, and then says so."""
    stranger = P256Key.from_public(ec.generate_private_key(ec.SECP256R1()).public_key())
    body = scene.phone.decision(scene.request.statement, transport_key=stranger)
    assert await scene.refused(body) == "transport_key_retired"
    add_transport_key(scene.world.sam.hsm.token, scene.world.clock.now())
    scene.world.sam.rooms.documents._stating._proofs._transport._looked = float("-inf")  # a minute passes
    fresh = await scene.world.call("documents/statement", document=scene.request.id, device=scene.phone.id)
    new = scene.world.open(fresh["statement"])
    assert new.proof is not None
    assert scene.request.statement.proof is not None
    assert new.proof.transport_key != scene.request.statement.proof.transport_key
    assert new.document == scene.request.statement.document
    body = scene.phone.decision(scene.request.statement)  # to the old key, within ten minutes
    answer = await scene.world.call("documents/decide", document=scene.request.id, device=scene.phone.id, **body)
    assert answer["state"] == "approved"
    old = scene.request.statement.proof.transport_key
    scene.world.clock.advance(timedelta(seconds=601))
    again = await scene.world.ask(scene.credential, algorithm="ECDSA-SHA256")
    lie = scene.phone.decision(again.statement, transport_key=old)
    code = await scene.world.refused("documents/decide", document=again.id, device=scene.phone.id, **lie)
    assert code == "transport_key_retired"


async def test_not_me_freezes_who_asked(scene: Scene) -> None:
    """After "it was not me" that caller asks for nothing more of this credential; others do; an operator sees it and
    lifts it."""
    world = scene.world
    await world.call(
        "documents/decide", document=scene.request.id, device=scene.phone.id,
        **scene.phone.decision(scene.request.statement, word="refuse:not-me"),
    )  # fmt: skip
    with pytest.raises(Exception, match="caller_frozen"):
        await world.ask(scene.credential, algorithm="ECDSA-SHA256")
    await world.ask(scene.credential, algorithm="ECDSA-SHA256",
                    caller={**world.integrator, "id": "cli_0123456789abcdefghjkmnpqrs"})  # fmt: skip
    frozen = {"caller": world.integrator["id"], "since": int(world.clock.now().timestamp())}
    assert (await world.call("credentials/standing", credential=scene.credential))["frozen"] == [frozen]
    await world.sam.rooms.documents.lift_freeze(scene.credential, "integrator", world.integrator["id"])
    await world.ask(scene.credential, algorithm="ECDSA-SHA256")
    assert (await world.call("credentials/standing", credential=scene.credential))["frozen"] == []


async def test_two_phones_at_once(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two phones of the holder answer in the same moment: one counts, the other hears that it is decided, and there is
    one activation."""
    second = await scene.world.phone(scene.credential)
    custody: Any = scene.world.sam.rooms.decisions._custody
    unbind, both = custody.unbind, asyncio.Barrier(2)

    async def together(of: Credential, stretched: bytes) -> bytes:
        opened: bytes = await unbind(of, stretched)
        await both.wait()
        return opened

    monkeypatch.setattr(custody, "unbind", together)
    answers = await asyncio.gather(
        *(scene.world.approve(phone, scene.request) for phone in (scene.phone, second)), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in answers) == ["DocumentDecided", "dict"]
    assert len(await scene.world.sql("SELECT * FROM sam.activations")) == 1
    rows = await scene.world.sql("SELECT total - forgiven AS count FROM sam.attempts WHERE purpose = 'sign'")
    assert rows[0]["count"] == 0  # both passwords were right


async def test_two_refusals_at_once(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both saw it undecided: one refuses, the other hears that it is decided."""
    world, phones = scene.world, (scene.phone, await scene.world.phone(scene.credential))
    room: Any = world.sam.rooms.decisions
    repeated, both = room._repeated, asyncio.Barrier(2)

    async def together(*given: Any) -> Any:
        found = await repeated(*given)
        await both.wait()
        return found

    monkeypatch.setattr(room, "_repeated", together)
    answers = await asyncio.gather(
        *(
            world.call("documents/decide", document=scene.request.id, device=phone.id,
                       **phone.decision(scene.request.statement, word="refuse:not-me"))
            for phone in phones
        ),
        return_exceptions=True,
    )  # fmt: skip
    assert sorted(type(one).__name__ for one in answers) == ["DocumentDecided", "dict"]


async def test_pairing_needs_the_password_and_its_own_key(world: World) -> None:
    """An SMS code alone binds nothing: a wrong password, or another key than the one asked with, ends in nothing."""
    credential = await world.credential("P-256")
    phone, thief = Signer(), Signer()
    made = await world.call("documents/pair", device=phone.id, device_key=phone.public.jwk, nickname="x",
                            credential=credential)  # fmt: skip
    statement = world.open(made["statement"])
    for signer, device, password, code in (
        (thief, thief.id, PASSWORD, "document_unknown"),
        (thief, phone.id, PASSWORD, "decision_invalid"),
        (phone, thief.id, PASSWORD, "document_unknown"),
        (phone, phone.id, "Outra1234", "password_wrong"),
        (phone, phone.id, None, "proof_invalid"),
    ):
        body = signer.decision(statement, password)
        assert await world.refused("documents/decide", document=made["document"], device=device, **body) == code
    assert await world.sql("SELECT * FROM sam.bindings") == []


async def test_association_needs_a_bound_phone(world: World) -> None:
    """A phone associates a computer for its own credentials only, and the computer asks for those only."""
    mine, other = await world.credential("P-256"), await world.credential("P-256")
    phone = await world.phone(mine)
    computer = {
        "id": "cmp_0123456789abcdefghjkmnpqrs",
        "name": "x",
        "os": "y",
        "key": Signer().public.jwk,
        "address": "z",
    }
    assert (
        await world.refused("documents/associate", device=phone.id, credentials=[other], computer=computer)
        == "credential_unknown"
    )
    assert (
        await world.refused("documents/associate", device=Signer().id, credentials=[mine], computer=computer)
        == "credential_unknown"
    )
    asking = await world.computer(mine, phone)
    with pytest.raises(Exception, match="caller_not_associated"):
        await world.ask(other, algorithm="ECDSA-SHA256", caller=asking)
    await world.call("associations/end", computer=asking["id"])
    with pytest.raises(Exception, match="caller_not_associated"):
        await world.ask(mine, algorithm="ECDSA-SHA256", caller=asking)


async def test_push_bombing_is_bounded(world: World) -> None:
    """One request of a caller waits at a time, and five of all together."""
    credential = await world.credential("P-256")
    ask: dict[str, Any] = {"algorithm": "ECDSA-SHA256"}
    await world.ask(credential, **ask)
    with pytest.raises(Exception, match="too_many_pending"):
        await world.ask(credential, **ask)
    callers = [{"kind": "integrator", "id": f"cli_{index}123456789abcdefghjkmnpqrs", "name": "x"} for index in range(5)]
    for caller in callers[:4]:
        await world.ask(credential, caller=caller, **ask)
    with pytest.raises(Exception, match="too_many_pending"):
        await world.ask(credential, caller=callers[4], **ask)
    world.clock.advance(timedelta(seconds=181))
    await world.ask(credential, **ask)


WRONG_ASKS: list[dict[str, Any]] = [
    {"hashes": []}, {"hashes": ["AAAA"]}, {"hashes": "x"}, {"hashes": None}, {"hashes": [1]}, {"documents": []},
    {"sign_algorithm": "RSA-PKCS1-SHA256"}, {"sign_algorithm": "none"}, {"hash_algorithm": "SHA-1"},
    {"activation_key": "AAAA"}, {"activation_key": None}, {"activation_key": 7},
    {"caller": {"kind": "person", "id": "x"}},
    {"caller": {"kind": "computer", "id": "cli_0123456789abcdefghjkmnpqrs"}}, {"caller": None}, {"caller": []},
    {"credential": "cred_x"}, {"credential": 5}, {"credential": "cred_00000000000000000000000000"},
    {"documents": [{"label": "x" * 5000, "size": 1}]}, {"documents": [{"label": "x", "size": -1}]},
    {"documents": [{"label": "x", "size": True}]}, {"documents": [{"size": 1}]}, {"documents": ["x"]},
]  # fmt: skip


async def test_what_a_caller_may_not_ask(world: World) -> None:
    """Wrong lengths, algorithms, ids, types and sizes: refused as ours, and nothing waits."""
    credential = await world.credential("P-256")
    for change in WRONG_ASKS:
        ask = {"credential": credential, "algorithm": "ECDSA-SHA256", **change}
        with pytest.raises(LinkIdError) as caught:
            await world.ask(ask.pop("credential"), **ask)
        assert caught.value.code in ("sam_bad_call", "algorithm_refused", "credential_unknown"), change
    assert await world.sql("SELECT * FROM sam.documents WHERE type = 'sign'") == []


async def test_labels_are_cleaned_before_they_are_fixed(world: World) -> None:
    """A label that would reverse or hide its end on the phone is fixed without the characters that do it."""
    credential = await world.credential("P-256")
    request = await world.ask(
        credential, algorithm="ECDSA-SHA256", documents=[{"label": "a\u202efdp.exe\n", "size": None}]
    )
    document = request.statement.document.objects("documents")[0]
    assert document["label"] == "afdp.exe"
    assert document["size"] is None


async def test_a_borrowed_device_id(world: World) -> None:
    """Somebody binds his own key under the holder's phone id, to his own credential: each key decides its own only."""
    mine, his = await world.credential("P-256"), await world.credential("P-256")
    phone = await world.phone(mine)
    thief = await world.phone(his, Signer(id=phone.id))
    asks: dict[str, Any] = {"algorithm": "ECDSA-SHA256"}
    for credential, wrong, right in ((mine, thief, phone), (his, phone, thief)):
        request = await world.ask(credential, **asks)
        body = wrong.decision(request.statement)
        code = await world.refused("documents/decide", document=request.id, device=phone.id, **body)
        assert code == "decision_invalid"
        assert (await world.approve(right, request))["state"] == "approved"
    computer = {
        "id": "cmp_0123456789abcdefghjkmnpqrs",
        "name": "x",
        "os": "y",
        "key": Signer().public.jwk,
        "address": "z",
    }
    made = await world.call("documents/associate", device=phone.id, credentials=[mine, his], computer=computer)
    statement = world.open(made["statement"])
    for signer in (thief, phone):
        body = signer.decision(statement)
        code = await world.refused("documents/decide", document=made["document"], device=phone.id, **body)
        assert code == "decision_invalid"
    assert (await world.call("associations/list", computer=computer["id"]))["associations"] == []
    made = await world.call("documents/associate", device=phone.id, credentials=[mine], computer=computer)
    assert (await world.decide(phone, made))["state"] == "approved"
