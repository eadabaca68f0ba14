"""The SAM over its private channel (docs/protocol.md section 10), as pairing's port has it.

Errors arrive as what they are: those of the contract (``protocol.errors``) by class, the SAM's own by code and family.
Where a holder should read something better than the family's sentence, they become ours here.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, cast, get_args

from foundation.channel import Answer, PrivateCalls, near
from foundation.errors import JsonObject, LinkIdError
from pairing.errors import (
    BindingNotActive,
    CertificateBlocked,
    CertificateNotActive,
    CredentialNotOfPhone,
    NothingToDecide,
    SessionNotFound,
)
from pairing.ports import (
    AskingComputer,
    AskingIntegrator,
    Binding,
    Blocked,
    BoundPhone,
    DocumentState,
    FixedDocument,
    GivenConsent,
    KnownComputer,
    OpenSession,
    PastRequest,
    PastRequests,
    Verdict,
    WaitingDocument,
)

_ERRORS: Final[Mapping[str, Callable[[], LinkIdError]]] = MappingProxyType(
    {
        "document_unknown": NothingToDecide,
        "credential_unknown": CredentialNotOfPhone,
        "credential_not_active": CertificateNotActive,
        "credential_blocked": CertificateBlocked,
        "binding_unknown": BindingNotActive,
        "activation_unknown": SessionNotFound,
    }
)
"""By the SAM's code. One that is not here passes unchanged, and its family decides."""


class SamOverChannel:
    """See ports.Sam."""

    def __init__(self, client: PrivateCalls) -> None:
        """``client``: to any SAM; they are alike."""
        self._client = client

    async def fix_pair(self, device: str, device_key: JsonObject, nickname: str, credential: str) -> FixedDocument:
        return await self._fixed(
            "documents/pair",
            {"device": device, "device_key": device_key, "nickname": nickname, "credential": credential},
        )

    async def fix_test(self, binding: str) -> FixedDocument:
        return await self._fixed("documents/test", {"binding": binding})

    async def fix_associate(self, device: str, credentials: Sequence[str], computer: AskingComputer) -> FixedDocument:
        asking: JsonObject = {
            "id": computer.id,
            "name": computer.name,
            "os": computer.os,
            "key": computer.key,
            "address": computer.address,
        }
        return await self._fixed(
            "documents/associate", {"device": device, "credentials": list(credentials), "computer": asking}
        )

    async def fix_identify(self, device: str, integrator: AskingIntegrator, scope: str, address: str) -> FixedDocument:
        asking: JsonObject = {"id": integrator.id}  # its name is the SAM's to say
        return await self._fixed(
            "documents/identify", {"device": device, "integrator": asking, "scope": scope, "address": address}
        )

    async def fix_unblock(self, device: str, credential: str) -> FixedDocument:
        return await self._fixed("documents/unblock", {"device": device, "credential": credential})

    async def fix_generator(self, device: str, credential: str, delivery_key: JsonObject) -> FixedDocument:
        body: JsonObject = {"device": device, "credential": credential, "delivery_key": delivery_key}
        return await self._fixed("documents/generator", body)

    async def fix_passkey(self, device: str, credential: str, passkey: JsonObject) -> FixedDocument:
        body: JsonObject = {"device": device, "credential": credential, "passkey": passkey}
        return await self._fixed("documents/passkey", body)

    async def fix_passkey_end(self, device: str, credential: str) -> FixedDocument:
        return await self._fixed("documents/passkey_end", {"device": device, "credential": credential})

    async def consents(self, device: str) -> list[GivenConsent]:
        answer = await self._call("consents/list", {"device": device})
        return [
            GivenConsent(
                consent=item.text("consent"),
                credential=item.text("credential"),
                caller_name=item.object("caller").text("name"),
                purpose=item.text("purpose"),
                until=item.instant("until"),
                maximum=item.number("maximum"),
                used=item.number("used"),
                created=item.instant("created"),
                last_used=item.instant_or_none("last_used"),
            )
            for item in answer.objects("consents")
        ]

    async def end_consent(self, consent: str, device: str) -> None:
        await self._call("consents/end", {"consent": consent, "device": device})

    async def fix_admit(self, device: str, phone: str, credential: str) -> FixedDocument:
        return await self._fixed("documents/admit", {"device": device, "phone": phone, "credential": credential})

    async def block(self, device: str) -> list[Blocked]:
        return await self._blocks("credentials/block", device)

    async def blocks(self, device: str) -> list[Blocked]:
        return await self._blocks("credentials/blocks", device)

    async def statement(self, document: str, device: str) -> FixedDocument:
        answer = await self._call("documents/statement", {"document": document, "device": device})
        return FixedDocument(document, answer.text("statement"), answer.instant("expires"))

    async def waiting(self, device: str) -> list[WaitingDocument]:
        answer = await self._call("documents/waiting", {"device": device})
        return [
            WaitingDocument(item.text("document"), item.text("type"), item.text("statement"), item.instant("expires"))
            for item in answer.objects("items")
        ]

    async def decide(
        self,
        document: str,
        device: str,
        *,
        decision: str,
        proof: str | None,
        signature: str,
        passkey: JsonObject | None = None,
    ) -> Verdict:
        said: JsonObject = {} if passkey is None else {"passkey": passkey}
        answer = await self._call(
            "documents/decide",
            {
                "document": document,
                "device": device,
                "decision": decision,
                "proof": proof,
                "signature": signature,
                **said,
            },
        )
        state = answer.text("state")
        if state not in ("approved", "refused"):
            raise answer.bad("unknown state")
        return Verdict(
            "approved" if state == "approved" else "refused",
            answer.text("type"),
            binding=answer.text_or_none("binding"),
            activation=answer.text_or_none("activation"),
            until=answer.instant_or_none("until"),
            reason=decision if state == "refused" else None,
            unblocked=(answer.text("credential"), answer.instant("blocked"))
            if (answer.text("type"), state) == ("unblock", "approved")
            else None,
            generator=_generator(answer.object("generator")) if answer.has("generator") else None,
            admits=(answer.text("credential"), answer.text("phone")) if answer.text("type") == "admit" else None,
        )

    async def state(self, document: str) -> DocumentState:
        answer = await self._call("documents/state", {"document": document})
        state = answer.text("state")
        if state not in get_args(DocumentState):
            raise answer.bad("unknown state")
        return cast(DocumentState, state)

    async def evidence(self, document: str, device: str) -> str:
        return (await self._call("documents/evidence", {"document": document, "device": device})).text("evidence")

    async def withdraw(self, document: str) -> None:
        await self._call("documents/withdraw", {"document": document})

    async def bindings(self, device: str) -> list[Binding]:
        answer = await self._call("bindings/list", {"device": device})
        return [
            Binding(
                item.text("binding"),
                item.text("credential"),
                item.text("state"),
                item.number("tries_left") if item.has("tries_left") else None,
                item.instant("since"),
                item.instant_or_none("until"),
                item.has("passkey") and item.flag("passkey"),
            )
            for item in answer.objects("bindings")
        ]

    async def phones(self, device: str) -> list[BoundPhone]:
        answer = await self._call("bindings/phones", {"device": device})
        return [
            BoundPhone(
                item.text("device"),
                item.text("credential"),
                item.text("nickname"),
                item.text("state"),
                item.instant("since"),
                item.instant_or_none("until"),
            )
            for item in answer.objects("phones")
        ]

    async def end_bindings(self, device: str, by: str | None = None) -> None:
        await self._call("bindings/end", {"device": device} if by is None else {"device": device, "by": by})

    async def computers(self, device: str) -> list[KnownComputer]:
        answer = await self._call("associations/of", {"device": device})
        return [
            KnownComputer(
                item.text("computer"),
                item.text("credential"),
                item.text("name"),
                item.text("os"),
                item.instant("since"),
            )
            for item in answer.objects("associations")
        ]

    async def history(self, device: str, before: str | None) -> PastRequests:
        body: JsonObject = {"device": device} if before is None else {"device": device, "before": before}
        answer = await self._call("documents/history", body)
        return PastRequests([_past(item) for item in answer.objects("requests")], answer.flag("more"))

    async def sessions(self, device: str) -> list[OpenSession]:
        answer = await self._call("sessions/list", {"device": device})
        return [
            OpenSession(
                activation=item.text("activation"),
                request=item.text("request"),
                credential=item.text("credential"),
                caller_kind=item.object("caller").text("kind"),
                caller_name=item.object("caller").text("name"),
                purpose=item.text("purpose"),
                until=item.instant("until"),
                maximum=item.number("maximum"),
                used=item.number("used"),
                created=item.instant("created"),
                last_used=item.instant_or_none("last_used"),
                with_key=item.flag("with_key"),
            )
            for item in answer.objects("sessions")
        ]

    async def end_session(self, activation: str, device: str) -> None:
        await self._call("sessions/end", {"activation": activation, "device": device})

    async def end_association(self, computer: str, device: str | None) -> None:
        body = {"computer": computer} if device is None else {"computer": computer, "device": device}
        await self._call("associations/end", body)

    async def _blocks(self, name: str, device: str) -> list[Blocked]:
        answer = await self._call(name, {"device": device})
        return [
            Blocked(item.text("credential"), item.instant("since"), item.text("by"), item.instant_or_none("from"))
            for item in answer.objects("blocks")
        ]

    async def _fixed(self, name: str, body: JsonObject) -> FixedDocument:
        answer = await self._call(name, body)
        return FixedDocument(answer.text("document"), answer.text("statement"), answer.instant("expires"))

    async def _call(self, name: str, body: JsonObject) -> Answer:
        try:
            return Answer(name, await self._client.call(name, body, near=near(body)))
        except LinkIdError as error:
            ours = _ERRORS.get(error.code)
            if ours is None:
                raise
            raise ours() from error


def _generator(said: Answer) -> JsonObject:
    return {"id": said.text("id"), "sealed": said.text("sealed")}


def _past(item: Answer) -> PastRequest:
    kind = item.text("type")
    if kind in ("session", "consent"):
        about: JsonObject = {
            "purpose": item.text("purpose"),
            "until": item.number("until"),
            "maximum": item.number("maximum"),
            "used": item.number("used"),
        }
    else:
        documents = [
            {"label": one.text("label"), "size": one.number("size") if one.has("size") else None}
            for one in item.objects("documents")
        ]
        about = {"documents": documents, "count": item.number("count"), "signed": item.number("signed")}
    if item.has("consent"):
        about = {**about, "consent": item.text("consent")}
    return PastRequest(
        request=item.text("request"),
        type=kind,
        credential=item.text("credential"),
        state=item.text("state"),
        decision=item.text_or_none("decision"),
        caller_kind=item.object("caller").text("kind"),
        caller_name=item.object("caller").text("name"),
        created=item.instant("created"),
        decided=item.instant_or_none("decided"),
        device=item.text_or_none("device"),
        about=about,
    )
