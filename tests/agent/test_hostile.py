"""A gateway that answers whatever it likes: nothing is signed, nothing is shown as genuine, nothing is written."""

import asyncio
import hashlib
import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from joserfc.jwk import ECKey

from desktop_agent.errors import AgentError, NobodyAnswered, NoConnection, UntrustedServer
from tests.agent.gateway_double import (
    AgentGateway,
    Fault,
    elsewhere,
    endless,
    fault_for_ever,
    nested,
    page_of_a_portal,
)
from tests.agent.pki import Authority, Holder
from tests.agent.test_sign import Desk, desk
from tests.sandbox_phone.roots import b64u, jkt, public

__all__ = ["desk"]

Spoil = Callable[[AgentGateway], None]


def document(**members: Any) -> Spoil:
    def spoil(gateway: AgentGateway) -> None:
        gateway.document_lie = members

    return spoil


def statement(value: object) -> Spoil:
    def spoil(gateway: AgentGateway) -> None:
        gateway.statement_replaced = value

    return spoil


def signed_by_a_stranger(gateway: AgentGateway) -> None:
    gateway.statement_by = ECKey.generate_key("P-256")


def signed_by_the_ac(gateway: AgentGateway) -> None:
    gateway.statement_by = gateway.roots.ac


def under_another_name(gateway: AgentGateway) -> None:
    document = gateway.roots.document("sign", now=0, expires=9_999_999_999)
    payload = {"v": 1, "type": "statement", "document": b64u(json.dumps(document).encode()), "expires": 9_999_999_999}
    gateway.statement_replaced = gateway.roots.sign(payload, kid=jkt(gateway.roots.ac))


def unsigned(gateway: AgentGateway) -> None:
    payload = {"v": 1, "type": "statement", "document": "e30", "expires": 9_999_999_999, "proof": None}
    honest = gateway.roots.sign(payload)
    gateway.statement_replaced = honest.rpartition(".")[0] + "."


def algorithm_none(gateway: AgentGateway) -> None:
    header = b64u(b'{"alg":"none","kid":"%s","typ":"linkid+statement"}' % jkt(gateway.roots.sam).encode())
    gateway.statement_replaced = f"{header}.e30."


def key_in_header(gateway: AgentGateway) -> None:
    stranger = ECKey.generate_key("P-256")
    payload = {"v": 1, "type": "statement", "document": "e30", "expires": 9_999_999_999, "proof": None}
    gateway.statement_replaced = gateway.roots.sign(payload, by=stranger, jwk=public(stranger))


OTHER_HASH = b64u(hashlib.sha256(b"outro").digest())
LIES: dict[str, Spoil] = {
    "no statement": statement(None),
    "a number": statement(7),
    "a dictionary": statement({"v": 1}),
    "unsigned": unsigned,
    "alg none": algorithm_none,
    "key in the header": key_in_header,
    "signed by a stranger": signed_by_a_stranger,
    "signed by the AC": signed_by_the_ac,
    "our root under another name": under_another_name,
    "huge": statement("e30." + "A" * 900_000 + ".AA"),
    "another type of document": document(type="associate"),
    "another version": document(v=2),
    "other hashes": document(documents=[{"label": "contrato.pdf", "size": 1, "hash": OTHER_HASH}]),
    "one hash more": document(count=2),
    "another label": document(documents=[]),
    "another caller": document(caller={"kind": "computer", "id": "cmp_00000000000000000000000000", "name": "x"}),
    "an integrator as the caller": document(caller={"kind": "integrator", "id": "cli_1", "name": "x"}),
    "no caller": document(caller=None),
    "another credential": document(credential="cred_00000000000000000000000000"),
    "another certificate": document(certificate=b64u(bytes(32))),
    "another algorithm": document(sign_algorithm="RSA-PSS-SHA256"),
    "another hash algorithm": document(hash_algorithm="SHA-512"),
    "a session": document(scope="session"),
    "a code of control characters": document(verification_code="\x1b[2J"),
    "no code": document(verification_code=None),
    "an id that is not one": document(id="req_../../x"),
    "a life of years": document(expires=4_000_000_000),
}


WORDS = {
    "our root under another name": "não é a raiz",
    "signed by a stranger": "não é a raiz",
    "another caller": "quem pede",
    "another credential": "certificado",
    "another certificate": "certificado",
    "other hashes": "conteúdo",
    "another algorithm": "algoritmo",
}
"""Where one lie could be refused for the reason of another, the reason is looked at too."""


@pytest.mark.parametrize("lie", LIES)
async def test_a_lie_about_the_request_stops_before_the_code_is_shown(
    desk: Desk, gateway: AgentGateway, lie: str
) -> None:
    """Whatever differs from what was asked ends it, the request is withdrawn, and the person is told to refuse it."""
    LIES[lie](gateway)

    with pytest.raises(UntrustedServer, match=WORDS.get(lie)) as caught:
        await desk.sign(desk.job())

    assert "Não fui eu" in caught.value.advice
    assert desk.view.confirmed is None
    assert len(gateway.withdrawn) == 1
    assert desk.names == ["contrato.pdf"]


async def test_a_statement_from_the_past_is_late(desk: Desk, gateway: AgentGateway) -> None:
    """A genuine statement that has expired is no basis for waiting."""
    gateway.life = -5

    with pytest.raises(NobodyAnswered, match="expirou"):
        await desk.sign(desk.job())

    assert desk.view.confirmed is None


async def test_a_replayed_statement_of_an_earlier_request(desk: Desk, gateway: AgentGateway) -> None:
    """The statement of another file's request is genuine and still not ours."""
    await desk.sign(desk.job("a.pdf"))
    earlier = gateway.requests[0]["document"]
    gateway.statement_replaced = gateway.roots.statement(earlier, gateway.roots.proof("sign"))

    with pytest.raises(UntrustedServer):
        await desk.sign(desk.job("b.pdf"))


def garbage(signatures: list[bytes]) -> list[bytes]:
    return [os.urandom(len(item)) for item in signatures]


BAD_SIGNATURES: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "garbage": garbage,
    "empty": lambda signatures: [b""],
    "one too few": lambda signatures: signatures[:-1],
    "one too many": lambda signatures: [*signatures, signatures[0]],
    "another digest's": lambda signatures: [Holder(Authority()).sign(bytes(32))],
    "huge": lambda signatures: [bytes(500_000)],
}


@pytest.mark.parametrize("kind", BAD_SIGNATURES)
async def test_a_signature_that_does_not_verify_is_not_embedded(desk: Desk, gateway: AgentGateway, kind: str) -> None:
    """Approved and all, what comes back must be the certificate's own signature over our digest."""
    gateway.signatures_lie = BAD_SIGNATURES[kind]

    with pytest.raises(UntrustedServer):
        await desk.sign(desk.job())

    assert desk.names == ["contrato.pdf"]


async def test_signatures_of_two_files_swapped(desk: Desk, gateway: AgentGateway) -> None:
    """Order matters: a's signature does not end in b."""
    gateway.signatures_lie = lambda signatures: signatures[::-1]

    with pytest.raises(UntrustedServer):
        await desk.sign(desk.job("a.pdf"), desk.job("b.pdf"))

    assert desk.names == ["a.pdf", "b.pdf"]


async def test_somebody_elses_certificate(desk: Desk, gateway: AgentGateway, authority: Authority) -> None:
    """A certificate handed out in place of the credential's own is caught by its hash in the statement."""
    gateway.chain_lie = Holder(authority, "OUTRA PESSOA:00000000000").chain

    with pytest.raises(UntrustedServer, match="certificado"):
        await desk.sign(desk.job())


@pytest.mark.parametrize("chain", [[], [b"x"], [b"\x30\x03\x02\x01\x01"]], ids=["none", "a letter", "no certificate"])
async def test_a_malformed_certificate(desk: Desk, gateway: AgentGateway, chain: list[bytes]) -> None:
    """Refused before anything is prepared."""
    gateway.chain_lie = chain or [b""]

    with pytest.raises(UntrustedServer):
        await desk.sign(desk.job())


async def test_a_chain_out_of_order(desk: Desk, gateway: AgentGateway, maria: Holder) -> None:
    """The issuer first would make the issuer's certificate the signer's."""
    gateway.chain_lie = maria.chain[::-1]

    with pytest.raises(UntrustedServer, match="fora de ordem"):
        await desk.sign(desk.job())


PATHS = [
    "/oauth2/token",
    "/csc/v2/credentials/list",
    "/csc/v2/credentials/info",
    "/csc/v2/credentials/authorize",
    "/csc/v2/credentials/authorizeCheck",
    "/csc/v2/signatures/signHash",
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("fault", [elsewhere, endless, page_of_a_portal, nested], ids=lambda fault: fault.__name__)
async def test_answers_that_are_not_answers(desk: Desk, gateway: AgentGateway, path: str, fault: Fault) -> None:
    """Redirects are not followed, endless bodies not read to the end, portals not believed: wherever they come."""
    gateway.faults[path] = [fault] * 9

    with pytest.raises(UntrustedServer):
        await asyncio.wait_for(desk.sign(desk.job()), 20)

    assert desk.names == ["contrato.pdf"]


async def test_a_service_that_drops_everything(desk: Desk, gateway: AgentGateway) -> None:
    """Dropped connections are no reason to distrust, and none to hang."""
    gateway.faults["/csc/v2/credentials/list"] = [fault_for_ever]

    with pytest.raises(NoConnection):
        await desk.sign(desk.job())


@pytest.mark.parametrize(
    ("member", "value"),
    [("access_token", 7), ("access_token", ""), ("access_token", "é"), ("access_token", "x" * 5000)],
)
async def test_a_token_that_is_none(desk: Desk, gateway: AgentGateway, member: str, value: object) -> None:
    """A token of another shape never becomes a header."""
    from aiohttp import web

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.json_response({member: value})

    gateway.faults["/oauth2/token"] = [answer]

    with pytest.raises(AgentError):
        await desk.sign(desk.job())
