"""One signature, whole: a key is born, a phone is paired, a computer asks, the holder approves, signatures verify."""

import hashlib
import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from foundation.encoding import b64u
from protocol.algorithms import SIGN_ALGORITHMS
from tests.sam.world import PASSWORD, Signer, World, digest, raw


@pytest.mark.parametrize(
    ("kind", "algorithm"),
    [
        ("RSA-2048", "RSA-PKCS1-SHA256"),
        ("RSA-2048", "RSA-PSS-SHA512"),
        ("P-256", "ECDSA-SHA256"),
        ("P-256", "ECDSA-SHA384"),
        ("P-384", "ECDSA-SHA384"),
        ("RSA-3072", "RSA-PSS-SHA384"),
        ("RSA-4096", "RSA-PKCS1-SHA512"),
    ],
)
async def test_from_emission_to_signature(world: World, kind: str, algorithm: str) -> None:
    """What the holder approved on their phone, with their password, is signed, and verifies with their certificate."""
    credential = await world.credential(kind)
    phone = await world.phone(credential)
    computer = await world.computer(credential, phone, "Notebook da Maria")
    request = await world.ask(credential, algorithm=algorithm, caller=computer)
    assert request.statement.document.object("caller")["name"] == "Notebook da Maria"
    waiting = await world.call("documents/waiting", device=phone.id)
    assert [item["document"] for item in waiting["items"]] == [request.id]
    decided = await world.approve(phone, request)
    assert decided["state"] == "approved"
    state = await world.call("documents/state", document=request.id)
    assert (state["state"], state["activation"]) == ("approved", decided["activation"])
    signatures = await world.sign(request, decided["activation"])
    world.verify(await world.certificate(credential), request, signatures)
    assert await world.events() == [
        "credential.prepared", "document.fixed", "credential.bound", "credential.activated",
        "document.fixed", "attempt.reserved", "document.approved",  # pair
        "document.fixed", "document.approved",  # test
        "document.fixed", "document.approved",  # associate
        "document.fixed", "attempt.reserved", "document.approved", "signatures.made",
    ]  # fmt: skip


async def test_many_hashes_come_back_in_the_order_asked(world: World) -> None:
    """Hashes are matched as a multiset, repeated ones too, and signatures return in input order."""
    credential = await world.credential()
    phone = await world.phone(credential)
    digests = [digest(text) for text in ("a", "b", "a", "c")]
    request = await world.ask(credential, digests)
    activation = (await world.approve(phone, request))["activation"]
    first = await world.sign(request, activation)
    world.verify(await world.certificate(credential), request, first)
    turned = list(reversed(request.digests))
    again = await world.sign(request, activation, hashes=[b64u(one) for one in turned])
    assert again == list(reversed(first))


async def test_a_retry_gets_the_stored_signatures(world: World) -> None:
    """PSS and ECDSA signatures differ each time they are made; a retry gets the very same ones: made once."""
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    request = await world.ask(credential, algorithm="ECDSA-SHA256")
    activation = (await world.approve(phone, request))["activation"]
    assert len({tuple(await world.sign(request, activation)) for _ in range(5)}) == 1
    assert (await world.events()).count("signatures.made") == 1


async def test_a_refusal_is_a_decision(world: World) -> None:
    """A no is signed too, needs no password, gives its reason to whoever asked, and leaves nothing to sign with."""
    credential = await world.credential()
    phone = await world.phone(credential)
    request = await world.ask(credential)
    body = phone.decision(request.statement, word="refuse:wrong-content")
    answer = await world.call("documents/decide", document=request.id, device=phone.id, **body)
    assert answer == {"state": "refused", "type": "sign"}
    assert await world.call("documents/state", document=request.id) == {
        "state": "refused",
        "reason": "refuse:wrong-content",
    }


async def test_lost_answers_are_given_again(world: World) -> None:
    """Each step may be repeated after a lost answer: the same decision has one outcome, made once."""
    page, phone = Signer(), Signer()
    emission = "ems_0123456789abcdefghjkmnpqrs"
    prepared = [await world.call("emission/prepare", emission=emission, key=page.public.jkt, key_algorithm="P-256")
                for _ in range(2)]  # fmt: skip
    assert prepared[0]["document"] == prepared[1]["document"]
    body = page.decision(world.open(prepared[0]["statement"]))
    keys = [await world.call("emission/keys", document=prepared[0]["document"], key_jwk=page.public.jwk, **body)
            for _ in range(2)]  # fmt: skip
    opened = [one["possession"].split(".")[1] for one in keys]
    assert opened[0] == opened[1]
    possession = json.loads(raw(opened[0]))
    chain = world.authority.chain(raw(possession["spki"]))
    credential = keys[0]["credential"]
    assert (
        len({str(await world.call("credentials/activate", credential=credential, chain=chain)) for _ in range(2)}) == 1
    )
    made = await world.call("documents/pair", device=phone.id, device_key=phone.public.jwk, nickname="x",
                            credential=credential)  # fmt: skip
    body = phone.decision(world.open(made["statement"]))
    bound = [await world.call("documents/decide", document=made["document"], device=phone.id, **body) for _ in range(2)]
    assert bound[0] == bound[1]
    test = await world.call("documents/test", binding=bound[0]["binding"])
    await world.decide(phone, test)
    request = await world.ask(credential, algorithm="ECDSA-SHA256")
    body = phone.decision(request.statement, PASSWORD)
    approved = [await world.call("documents/decide", document=request.id, device=phone.id, **body) for _ in range(3)]
    assert approved[0] == approved[1] == approved[2]
    assert len(await world.sql("SELECT * FROM sam.activations")) == 1
    assert len(await world.sql("SELECT * FROM sam.bindings")) == 1


async def test_the_rest_of_the_calls(world: World) -> None:
    """Lists, identify, withdraw, ends, revoke: as section 10 says."""
    assert (await world.call("status"))["ready"] is True
    credential = await world.credential()
    phone = await world.phone(credential)
    computer = await world.computer(credential, phone)
    bindings = (await world.call("bindings/list", device=phone.id))["bindings"]
    assert [(one["credential"], one["state"]) for one in bindings] == [(credential, "active")]
    associations = (await world.call("associations/list", computer=computer["id"]))["associations"]
    assert [one["credential"] for one in associations] == [credential]
    asking = await world.register(name="Cartório Exemplo")
    identify = await world.call("documents/identify", device=phone.id, scope="signature", address="192.0.2.1",
                                integrator={"id": asking["id"]})  # fmt: skip
    shown = world.open(identify["statement"]).document.object("integrator")
    assert shown == {"id": asking["id"], "name": "Cartório Exemplo"}
    await world.decide(phone, identify)
    assert (await world.call("documents/state", document=identify["document"]))["state"] == "approved"
    request = await world.ask(credential, caller=computer)
    again = await world.call("documents/statement", document=request.id, device=phone.id)
    assert world.open(again["statement"]).document == request.statement.document
    await world.call("documents/withdraw", document=request.id)
    assert (await world.call("documents/state", document=request.id))["state"] == "withdrawn"
    await world.call("associations/end", computer=computer["id"], device=phone.id)
    assert (await world.call("associations/list", computer=computer["id"]))["associations"] == []
    request = await world.ask(credential)
    certificate = b64u(digest_of(await world.certificate(credential)))
    await world.call("credentials/revoke", revocation=world.authority.revocation(certificate))
    await world.call("credentials/revoke", revocation=world.authority.revocation(certificate))
    assert (await world.call("documents/state", document=request.id))["state"] == "withdrawn"
    await world.call("bindings/end", device=phone.id)
    assert (await world.call("bindings/list", device=phone.id))["bindings"] == []


def digest_of(certificate: x509.Certificate) -> bytes:
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()


def test_every_algorithm_is_named_as_the_protocol_names_it() -> None:
    """RSA-PKCS1, RSA-PSS and ECDSA with SHA-256, SHA-384 and SHA-512."""
    assert len(SIGN_ALGORITHMS) == 9
    assert {"RSA-PKCS1-SHA256", "RSA-PSS-SHA384", "ECDSA-SHA512"} <= set(SIGN_ALGORITHMS)
