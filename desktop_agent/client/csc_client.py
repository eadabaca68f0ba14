"""The signing API seen from outside: Cloud Signature Consortium v2, as docs/protocol.md section 9.5 offers it."""

import base64
import binascii
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from desktop_agent.client.http import CALL_SECONDS, Caller, Reply, for_support, refusal_of
from desktop_agent.client.oauth import access_token
from desktop_agent.domain.algorithm import Algorithm
from desktop_agent.domain.ask import NONCE_BYTES, signed, signed_session
from desktop_agent.domain.certificate import Certificate, read_chain
from desktop_agent.domain.request import Document, Terms
from desktop_agent.errors import (
    Busy,
    NobodyAnswered,
    NotAssociated,
    RefusedOnPhone,
    ServiceRefused,
    UntrustedServer,
)
from desktop_agent.words import again

PREFIX: Final = "/csc/v2/"
WAIT_SECONDS: Final = 25
"""How long the service may keep one ``authorizeCheck`` open: below the 30 s at which proxies begin to cut."""
MOST_CREDENTIALS: Final = 100
_WITHDRAWN: Final = 5.0


@dataclass(frozen=True)
class Credential:
    """A certificate in the cloud that this computer may ask signatures of."""

    id: str
    certificate: Certificate
    usable: bool
    """The service says that key and certificate are in order."""
    batch: int
    """Most signatures in one request."""


@dataclass(frozen=True)
class Authorization:
    """A request on its way to the phone. Nothing in it is trusted but what :mod:`domain.request` confirms."""

    handle: str
    statement: object


@dataclass(frozen=True)
class Approved:
    """The phone said yes. ``activation`` names a session's; empty for one signature request."""

    sad: str = field(repr=False)
    activation: str
    handle: str = field(repr=False)
    """By which a session is given back."""


@dataclass(frozen=True)
class Undecided:
    """Nobody answered yet: ``handle`` for the next look, and how many seconds to leave before it."""

    handle: str
    pause: int


class CscClient:
    """Calls in the name of one computer. The token is fetched when first needed, and once more when it has run out."""

    def __init__(self, caller: Caller, computer: str) -> None:
        self._caller = caller
        self.computer = computer
        self._token: str | None = None

    async def credentials(self) -> list[Credential]:
        """All of them. Raises NotAssociated, ServiceRefused, NoConnection, UntrustedServer."""
        listed = (await self._call("credentials/list", {})).content.get("credentialIDs")
        if not isinstance(listed, list) or len(listed) > MOST_CREDENTIALS:
            raise UntrustedServer("O serviço respondeu uma lista de certificados malformada.")
        return [await self.credential(id) for id in listed]

    async def credential(self, id: object) -> Credential:
        """One of them, with its chain."""
        if not isinstance(id, str) or not id:
            raise UntrustedServer("O serviço respondeu uma lista de certificados malformada.")
        asked = {"credentialID": id, "certificates": "chain", "certInfo": True, "authInfo": False}
        content = (await self._call("credentials/info", asked)).content
        key, cert, most = content.get("key"), content.get("cert"), content.get("multisign")
        if not isinstance(key, dict) or not isinstance(cert, dict):
            raise UntrustedServer("O serviço respondeu um certificado malformado.")
        usable = key.get("status") == "enabled" and cert.get("status", "valid") == "valid"
        certificate = read_chain(_many(cert.get("certificates")))
        return Credential(id, certificate, usable, most if isinstance(most, int) and most > 0 else 1)

    async def authorize(self, credential: str, documents: Sequence[Document], algorithm: Algorithm) -> Authorization:
        """Ask the phone, signed by this computer: each time anew, since an ask serves once.

        Raises ServiceRefused (revoked, too many waiting ...), NotAssociated, NoConnection.
        """
        labels = [{"label": item.label, "size": item.size} for item in documents]
        nonce, created = secrets.token_bytes(NONCE_BYTES), self._caller.clock()
        ask = signed(
            self._caller.key, self.computer, credential, documents, algorithm.hash_name, nonce=nonce, created=created
        )
        body = {
            "credentialID": credential,
            "numSignatures": len(documents),
            "hashes": [_b64(item.digest) for item in documents],
            "clientData": json.dumps({"documents": labels, "ask": ask}, ensure_ascii=False),
        } | _algorithm(algorithm)
        return _authorization((await self._call("credentials/authorize", body)).content)

    async def authorize_session(self, credential: str, terms: Terms, algorithm: Algorithm) -> Authorization:
        """The same for a session: no hashes yet, and the terms are what is signed."""
        nonce, created = secrets.token_bytes(NONCE_BYTES), self._caller.clock()
        session = {"until": terms.until, "maximum": terms.maximum, "purpose": terms.purpose}
        ask = signed_session(self._caller.key, self.computer, credential, terms, nonce=nonce, created=created)
        body = {
            "credentialID": credential,
            "numSignatures": terms.maximum,
            "clientData": json.dumps({"session": session, "ask": ask}, ensure_ascii=False),
        } | _algorithm(algorithm)
        return _authorization((await self._call("credentials/authorize", body)).content)

    async def check(self, handle: str, wait: int) -> Approved | Undecided:
        """How the request stands.

        ``wait``: seconds the service may keep us. Raises RefusedOnPhone, NobodyAnswered, NoConnection.
        """
        reply = await self._call(
            "credentials/authorizeCheck", {"handle": handle}, prefer=f"wait={wait}", seconds=wait + CALL_SECONDS
        )
        if reply.status == 202:
            again = reply.content.get("handle", handle)
            return Undecided(_secret(again), min(reply.retry_after or 0, WAIT_SECONDS))
        activation = _ours(reply, "activation")
        return Approved(_secret(reply.content.get("SAD")), activation if isinstance(activation, str) else "", handle)

    async def sign(
        self,
        credential: str,
        sad: str,
        certificate: Certificate,
        digests: Sequence[bytes],
        algorithm: Algorithm,
        *,
        client_data: str | None = None,
    ) -> list[bytes]:
        """Signatures in the order of ``digests``, each verified against ``certificate``: nothing else leaves here.

        The same call again is answered with the same signatures. Raises UntrustedServer, NoConnection, ServiceRefused.
        """
        body = {
            "credentialID": credential,
            "SAD": sad,
            "hashes": [_b64(digest) for digest in digests],
        } | _algorithm(algorithm)
        if client_data is not None:
            body["clientData"] = client_data
        reply = await self._call("signatures/signHash", body, seconds=2 * CALL_SECONDS)
        signatures = _many(reply.content.get("signatures"))
        if len(signatures) != len(digests):
            raise UntrustedServer("O serviço devolveu outra quantidade de assinaturas.")
        for digest, signature in zip(digests, signatures, strict=True):
            certificate.verify(digest, signature, algorithm)
        return signatures

    async def withdraw(self, handle: str) -> None:
        """Take the request back from the phone, or end the session that it opened."""
        await self._call("linkid/withdraw", {"handle": handle}, seconds=_WITHDRAWN)

    async def _call(
        self, method: str, body: Mapping[str, Any], *, prefer: str | None = None, seconds: float = CALL_SECONDS
    ) -> Reply:
        fresh = self._token is None
        if self._token is None:
            self._token = await access_token(self._caller, self.computer)
        reply = await self._caller.call(
            "POST", PREFIX + method, body, token=self._token, prefer=prefer, seconds=seconds
        )
        if reply.ok:
            return reply
        if reply.status == 401 and not fresh:
            self._token = None
            return await self._call(method, body, prefer=prefer, seconds=seconds)
        raise _error_of(reply, method)


def _authorization(content: Mapping[str, Any]) -> Authorization:
    ours = content.get("linkid")
    if not isinstance(ours, dict):
        raise UntrustedServer("O serviço não mostrou o pedido assinado pelo módulo de assinatura.")
    return Authorization(_secret(content.get("handle")), ours.get("statement"))


def _algorithm(algorithm: Algorithm) -> dict[str, Any]:
    """In CSC's words."""
    named: dict[str, Any] = {"hashAlgorithmOID": algorithm.hash_oid, "signAlgo": algorithm.oid}
    if algorithm.parameters is not None:
        named["signAlgoParams"] = algorithm.parameters
    return named


def _error_of(reply: Reply, method: str) -> Exception:
    """CSC's error codes as ours. Its sentences are English, for programmers: recognized at most, never shown."""
    match reply.content.get("error"):
        case "access_denied" if method == "credentials/authorizeCheck":
            return RefusedOnPhone(f"O pedido foi recusado no celular{_reason(reply)}.")
        case "access_denied":
            return ServiceRefused(
                "O titular respondeu “não fui eu” a um pedido deste computador: ele está bloqueado.",
                "Peça o desbloqueio a quem emitiu o certificado.",
            )
        case "expired_token":
            return NobodyAnswered("Ninguém respondeu a tempo no celular.")
        case "invalid_token":
            return NotAssociated("O serviço não reconhece mais este computador: a associação foi encerrada.")
        case "invalid_authentication_data":
            return _locked(reply)
        case _ if reply.status == 429:
            return _busy(reply)
        case _ if reply.content.get("error_description") in _UNUSABLE:
            return ServiceRefused(UNUSABLE, UNUSABLE_ADVICE)
        case _ if _ours(reply, "why") == "not_fresh":
            return ServiceRefused(
                "O pedido traz uma hora que não é a do serviço: o relógio deste computador está errado.",
                "Ative o acerto automático de data e hora, e repita o comando.",
            )
        case "invalid_dpop_proof":
            return refusal_of(reply)
        case _ if reply.status >= 500:
            return refusal_of(reply)
        case _:
            return ServiceRefused("O serviço negou o pedido.", for_support(reply))


UNUSABLE: Final = "Este certificado não pode ser usado (revogado, suspenso ou vencido)."
UNUSABLE_ADVICE: Final = (
    "Se você já emitiu outro certificado, associe este computador de novo: linkid-desktop associate"
)
_UNUSABLE: Final = ("Invalid parameter credentialID", "The credential identified by credentialID is disabled")
"""CSC v2 has these very sentences where it has no code."""


def _locked(reply: Reply) -> ServiceRefused:
    """Too many wrong passwords: for a while, or for ever."""
    told = "Este certificado está bloqueado: a senha de uso foi digitada errado vezes demais."
    if _ours(reply, "for_ever") is True:
        return ServiceRefused(told, "O bloqueio é definitivo: é preciso emitir outro certificado.")
    return ServiceRefused(told, again(reply.retry_after))


def _busy(reply: Reply) -> Busy:
    """One request waits already, or the holder wants to be left alone; the service may say which."""
    why = {
        "pending": "Outro pedido ainda espera resposta no celular.",
        "refused": "O titular recusou há pouco, mais de uma vez.",
        "unanswered": "Vários pedidos seguidos ficaram sem resposta ou foram cancelados.",
    }.get(str(_ours(reply, "why")), "Outro pedido espera resposta no celular, ou houve uma recusa há pouco.")
    return Busy(why, reply.retry_after or 0, again(reply.retry_after))


def _ours(reply: Reply, member: str) -> object:
    """What our service says beside the standard."""
    ours = reply.content.get("linkid")
    return ours.get(member) if isinstance(ours, dict) else None


def _reason(reply: Reply) -> str:
    """The reason the holder gave, where the service passes it on."""
    return _REASONS.get(str(_ours(reply, "reason")), "")


_REASONS: Final = {
    "refuse:wrong-content": " (“não é o que eu esperava assinar”)",
    "refuse:not-me": " (“não fui eu”): este computador fica bloqueado até que quem emitiu o certificado o libere",
}


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _many(value: object) -> list[bytes]:
    """CSC writes binary values in ordinary base64. Raises UntrustedServer."""
    try:
        if isinstance(value, list) and len(value) <= MOST_CREDENTIALS:
            return [base64.b64decode(item, validate=True) for item in value]
    except (binascii.Error, TypeError, ValueError) as cause:
        raise UntrustedServer("O serviço respondeu dados malformados.") from cause
    raise UntrustedServer("O serviço respondeu dados malformados.")


def _secret(value: object) -> str:
    """A handle or SAD: opaque, ASCII, bounded."""
    if not isinstance(value, str) or not value.isascii() or not 0 < len(value) <= 4096:
        raise UntrustedServer("O serviço respondeu um identificador malformado.")
    return value
