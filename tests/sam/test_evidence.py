"""What a holder keeps of a decision: whole, checked by anybody, never put together from rows that somebody wrote."""

import json
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from foundation.encoding import b64u
from foundation.errors import LinkIdError
from protocol import statements
from protocol.decisions import message_from_hashes
from protocol.errors import SignatureInvalid
from protocol.evidence import Evidence, open_evidence
from protocol.keys import P256Key, sign_raw
from tests.sam.world import Request, Signer, World


class Story:
    """A holder, two phones, a signature."""

    def __init__(self, world: World, credential: str, phone: Signer, request: Request, signatures: list[bytes]) -> None:
        self.world, self.credential, self.phone = world, credential, phone
        self.request, self.signatures = request, signatures

    async def evidence(self, phone: Signer | None = None, request: Request | None = None) -> Evidence:
        jws = await self.jws(phone, request)
        return open_evidence(jws, self.world.roots, now=self.world.clock.now())

    async def jws(self, phone: Signer | None = None, request: Request | None = None) -> str:
        body = {"document": (request or self.request).id, "device": (phone or self.phone).id}
        return str((await self.world.call("documents/evidence", **body))["evidence"])

    async def refused(self, phone: Signer | None = None, request: Request | None = None) -> str:
        return await self.world.refused(
            "documents/evidence", document=(request or self.request).id, device=(phone or self.phone).id
        )


@pytest.fixture
async def story(world: World) -> Story:
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    request = await world.ask(credential, [secrets.token_bytes(32) for _ in range(3)], "ECDSA-SHA256")
    approved = await world.approve(phone, request)
    signatures = await world.sign(request, approved["activation"])
    return Story(world, credential, phone, request, signatures)


async def test_it_says_who_approved_what_and_what_was_signed(story: Story) -> None:
    """The bytes, the device's signature over them, the certificate, the signatures in order, the audit's lines."""
    evidence = await story.evidence()
    assert evidence.document.data == story.request.statement.document.data
    assert (evidence.word, evidence.device, evidence.device_key) == ("approve", story.phone.id, story.phone.public)
    assert list(evidence.signatures) == story.signatures
    certificate = await story.world.certificate(story.credential)
    assert evidence.chain[0] == certificate.public_bytes(Encoding.DER)
    events = [json.loads(line.body)["event"] for line in evidence.lines]
    assert events == ["document.fixed", "document.approved", "signatures.made"]
    assert evidence.decided == int(story.world.clock.now().timestamp())


async def test_a_refusal_has_its_evidence_and_no_signatures(story: Story) -> None:
    """Said no: that is kept as well."""
    request = await story.world.ask(story.credential, algorithm="ECDSA-SHA256")
    await story.world.approve(story.phone, request, word="refuse:wrong-content")
    evidence = await story.evidence(request=request)
    assert (evidence.word, list(evidence.signatures)) == ("refuse:wrong-content", [])


async def test_every_phone_of_the_holder_and_nobody_else(story: Story) -> None:
    """A second phone has it too; another holder's, one unpaired since, and an undecided request get the same answer."""
    world = story.world
    spare = await world.phone(story.credential)
    assert (await story.evidence(spare)).device == story.phone.id
    stranger = await world.phone(await world.credential("P-256"))
    waiting = await world.ask(story.credential, algorithm="ECDSA-SHA256")
    assert await story.refused(stranger) == "document_unknown"
    assert await story.refused(request=waiting) == "document_unknown"
    await world.call("bindings/end", device=spare.id)
    assert await story.refused(spare) == "document_unknown"
    await world.call("documents/withdraw", document=waiting.id)
    assert await story.refused(request=waiting) == "document_unknown"
    assert (
        await world.refused("documents/evidence", document="doc_" + "0" * 26, device=story.phone.id) == "sam_bad_call"
    )


async def test_it_outlives_the_activation(story: Story) -> None:
    """What was sealed is forgotten after minutes; evidence is for years."""
    await story.world.sql("UPDATE sam.activations SET sealed = ''")
    assert list((await story.evidence()).signatures) == story.signatures


FORGERIES = {
    "another word": "UPDATE sam.decisions SET decision = 'refuse:not-me'",
    "another device": "UPDATE sam.decisions SET device = 'dev_00000000000000000000000000'",
    "another proof": "UPDATE sam.decisions SET proof_hash = sha256('')",
    "no decision": "DELETE FROM sam.decisions WHERE document = $1",
    "signatures exchanged": "UPDATE sam.signatures SET signatures = signatures[2:] || signatures[1:1]",
    "a line less": "DELETE FROM audit.lines WHERE convert_from(body, 'UTF8')::jsonb ->> 'event' = 'document.approved'",
    "a line changed": "UPDATE audit.lines"
    " SET body = convert_to(replace(convert_from(body, 'UTF8'), 'dev_', 'dev-'), 'UTF8')"
    " WHERE convert_from(body, 'UTF8')::jsonb ->> 'event' = 'document.approved'",
    "a document changed": "UPDATE sam.documents SET data = data || ' ' WHERE id = $1",
    "a state changed": "UPDATE sam.documents SET state = 'waiting' WHERE id = $1",
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_rows_that_somebody_wrote_give_none(story: Story, forgery: str) -> None:
    """The root signs nothing that does not hold; the audit is told."""
    await story.evidence()
    statement = FORGERIES[forgery]
    await story.world.sql(statement, *([story.request.id] if "$1" in statement else []))
    assert await story.refused() == "document_unknown"


async def test_a_decision_by_another_key_is_not_the_holders(story: Story) -> None:
    """A database writer signs the approval of these very bytes by a key of his own: the audit knows another one."""
    mallory = Signer()
    rows = await story.world.sql(
        "SELECT document_hash, proof_hash FROM sam.decisions WHERE document = $1", story.request.id
    )
    message = message_from_hashes(rows[0]["document_hash"], "approve", rows[0]["proof_hash"])
    await story.world.sql(
        "UPDATE sam.decisions SET signer = $2, signature = $3 WHERE document = $1",
        story.request.id, mallory.public.point, sign_raw(mallory.key, message),
    )  # fmt: skip
    assert await story.refused() == "document_unknown"
    assert "evidence.does_not_hold" in await story.world.events()


def _resigned(evidence: Evidence, **changes: Any) -> tuple[str, dict[str, P256Key]]:
    """The same, changed, signed by a root that is pinned here."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = P256Key.from_public(key.public_key())
    payload = {**evidence.payload(), **changes}
    signed = statements.signing_input(payload, kid=public.jkt)
    return statements.assemble(signed, sign_raw(key, signed)), {public.jkt: public}


async def test_whoever_opens_it_sees_every_change(story: Story) -> None:
    """Even a root that lies cannot make a decision or a signature: those are the device's and the certificate's."""
    evidence, now = await story.evidence(), story.world.clock.now()
    good, roots = _resigned(evidence)
    assert open_evidence(good, roots, now=now).payload() == evidence.payload()
    with pytest.raises(SignatureInvalid):
        open_evidence(good, story.world.roots, now=now)
    payload: Any = evidence.payload()
    lines: list[dict[str, Any]] = payload["lines"]
    other = replace(evidence, word="refuse:changed-mind")
    changes: list[dict[str, Any]] = [
        {"decision": "refuse:not-me"}, {"decision": "perhaps"}, {"signature": b64u(bytes(64))},
        {"device_key": Signer().public.jwk}, {"device_key": None}, {"proof_hash": b64u(bytes(32))},
        {"document": b64u(evidence.document.data + b" ")}, {"document": 1}, {"decided": "1"}, {"device": 1},
        {"signatures": list(reversed(payload["signatures"]))}, {"signatures": payload["signatures"][:2]},
        {"signatures": [*payload["signatures"], payload["signatures"][0]]}, {"signatures": "x"},
        {"chain": []}, {"chain": [payload["chain"][1]]}, {"chain": ["AAAA"]},
        {"lines": [{**lines[0], "hash": "00" * 32}]}, {"lines": [{**lines[0], "body": lines[1]["body"]}]},
        {"lines": [{"body": "{}", "hash": ""}]}, {"v": 2}, {"more": 1}, {"type": "statement"},
        {"decision": other.word, "signatures": []},
    ]  # fmt: skip
    for change in changes:
        jws, keys = _resigned(evidence, **change)
        with pytest.raises(SignatureInvalid):
            open_evidence(jws, keys, now=now)


@pytest.mark.parametrize("spoil", [lambda jws: jws[:-4] + "AAAA", lambda jws: "", lambda jws: jws.replace(".", "")])
async def test_what_is_no_evidence(story: Story, spoil: Callable[[str], str]) -> None:
    """Cut, empty, or not by the root."""
    with pytest.raises(LinkIdError):
        open_evidence(spoil(await story.jws()), story.world.roots, now=story.world.clock.now())
