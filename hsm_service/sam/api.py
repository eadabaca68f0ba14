"""The private calls of docs/protocol.md section 10: read the body, ask the room, answer. No decisions are made here."""

import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from foundation.audit import DatabaseRolledBack
from foundation.channel import Call
from foundation.encoding import JsonObject, b64u
from hsm_service.hsm.facade import Hsm
from hsm_service.sam.activations.service import SignCall
from hsm_service.sam.associations.service import Associations
from hsm_service.sam.bindings.service import Bindings
from hsm_service.sam.blocks.service import Blocks
from hsm_service.sam.clients.service import Clients
from hsm_service.sam.consents.service import Consents
from hsm_service.sam.credentials.service import Credentials
from hsm_service.sam.decisions.service import Decisions
from hsm_service.sam.decisions.state import Outcomes
from hsm_service.sam.documents.requests import Requests, SignAsk
from hsm_service.sam.documents.service import Computer, Documents
from hsm_service.sam.emission.service import Emission
from hsm_service.sam.errors import BadCall, WorkRefused
from hsm_service.sam.evidence.history import History
from hsm_service.sam.evidence.service import EvidenceRoom
from hsm_service.sam.explicit.asking import ConsentAsk, ConsentAsks
from hsm_service.sam.explicit.opening import ExplicitCall
from hsm_service.sam.explicit.service import Explicit
from hsm_service.sam.fields import Fields
from hsm_service.sam.generators.service import Generators
from hsm_service.sam.orders.service import HolderOrders
from hsm_service.sam.roots import TransportRoom
from hsm_service.sam.sessions.asking import SessionAsk, SessionAsks
from hsm_service.sam.sessions.domain import UseCall
from hsm_service.sam.sessions.service import Sessions
from hsm_service.sam.signatures.service import Signatures
from hsm_service.sam.watch import Watch
from protocol.algorithms import KEY_ALGORITHMS
from protocol.decisions import Decision
from protocol.explicit import MAX_SEALED_CHARACTERS
from protocol.passkeys import read_handle
from protocol.sessions import MAX_COUNTER, Use

VERSION: Final = 1
_KINDS: Final = {"computer": "cmp", "integrator": "cli"}
_MAX_ORDER: Final = 8192
"""Characters of an order: a name and five keys take a quarter of it."""


@dataclass(frozen=True)
class Rooms:
    """Everything that answers."""

    emission: Emission
    credentials: Credentials
    documents: Documents
    requests: Requests
    decisions: Decisions
    outcomes: Outcomes
    evidence: EvidenceRoom
    history: History
    signatures: Signatures
    session_asks: SessionAsks
    consent_asks: ConsentAsks
    consents: Consents
    generators: Generators
    transport: TransportRoom
    explicit: Explicit
    sessions: Sessions
    blocks: Blocks
    holder_orders: HolderOrders
    bindings: Bindings
    associations: Associations
    clients: Clients


class Api:
    """One method for each call."""

    def __init__(self, rooms: Rooms, watch: Watch, hsm: Hsm) -> None:
        self._rooms, self._watch, self._hsm = rooms, watch, hsm

    def calls(self) -> Mapping[str, Call]:
        """By name, for ``foundation.channel.private_app``."""
        working: Mapping[str, Callable[[Fields], Awaitable[JsonObject]]] = {
            "emission/prepare": self.emission_prepare,
            "emission/keys": self.emission_keys,
            "credentials/activate": self.credentials_activate,
            "credentials/revoke": self.credentials_revoke,
            "credentials/block": self.credentials_block,
            "credentials/blocks": self.credentials_blocks,
            "credentials/order": self.credentials_order,
            "credentials/standing": self.credentials_standing,
            "clients/register": self.clients_register,
            "documents/pair": self.documents_pair,
            "documents/test": self.documents_test,
            "documents/associate": self.documents_associate,
            "documents/identify": self.documents_identify,
            "documents/unblock": self.documents_unblock,
            "documents/admit": self.documents_admit,
            "documents/sign": self.documents_sign,
            "documents/session": self.documents_session,
            "documents/consent": self.documents_consent,
            "documents/generator": self.documents_generator,
            "documents/passkey": self.documents_passkey,
            "documents/passkey_end": self.documents_passkey_end,
            "documents/statement": self.documents_statement,
            "documents/waiting": self.documents_waiting,
            "documents/decide": self.documents_decide,
            "documents/state": self.documents_state,
            "documents/withdraw": self.documents_withdraw,
            "documents/history": self.documents_history,
            "documents/evidence": self.documents_evidence,
            "signatures/sign": self.signatures_sign,
            "signatures/use": self.signatures_use,
            "transport": self.transport,
            "explicit/open": self.explicit_open,
            "consents/standing": self.consents_standing,
            "consents/list": self.consents_list,
            "consents/end": self.consents_end,
            "sessions/list": self.sessions_list,
            "sessions/end": self.sessions_end,
            "sessions/give_back": self.sessions_give_back,
            "bindings/list": self.bindings_list,
            "bindings/phones": self.bindings_phones,
            "bindings/end": self.bindings_end,
            "associations/list": self.associations_list,
            "associations/of": self.associations_of,
            "associations/end": self.associations_end,
        }
        return {"status": self.status, **{name: self._guarded(call) for name, call in working.items()}}

    def _guarded(self, call: Callable[[Fields], Awaitable[JsonObject]]) -> Call:
        """Nothing works while the watch says no; and when an append finds the chain shortened, nothing more works."""

        async def guarded(body: JsonObject) -> JsonObject:
            self._watch.demand_ready()
            try:
                return await call(Fields(body))
            except DatabaseRolledBack as error:
                self._watch.stop(error)
                raise WorkRefused(error.detail) from error

        return guarded

    async def status(self, _body: JsonObject) -> JsonObject:
        """Always answers; ``why`` is the code of what is wrong."""
        why = await self._watch.why_not_ready()
        return {
            "epoch": self._hsm.epoch, "ready": why is None, "version": VERSION, "why": why, "process": os.getpid(),
            "hsm": self._hsm.report(),
        }  # fmt: skip

    async def emission_prepare(self, body: Fields) -> JsonObject:
        """{emission, key: jkt, key_algorithm}."""
        stated = await self._rooms.emission.prepare(
            body.id("emission", "ems"),
            body.text("key", max_characters=43),
            body.one_of("key_algorithm", KEY_ALGORITHMS),
        )
        return {**stated.answer(), "credential": stated.fixed.credential}

    async def emission_keys(self, body: Fields) -> JsonObject:
        """{document, decision, proof, signature, key_jwk}."""
        return await self._rooms.emission.keys(body.id("document", "doc"), _decision(body), body.key("key_jwk"))

    async def credentials_activate(self, body: Fields) -> JsonObject:
        """{credential, chain}."""
        return await self._rooms.credentials.activate(
            body.id("credential", "cred"), body.datas("chain", max_bytes=8192)
        )

    async def credentials_revoke(self, body: Fields) -> JsonObject:
        """{revocation}."""
        await self._rooms.credentials.revoke(body.text("revocation", max_characters=4096))
        return {}

    async def credentials_block(self, body: Fields) -> JsonObject:
        """{device}: B1 to B5."""
        return await self._rooms.blocks.block(body.id("device", "dev"))

    async def credentials_blocks(self, body: Fields) -> JsonObject:
        """{device}."""
        return await self._rooms.blocks.list(body.id("device", "dev"))

    async def credentials_order(self, body: Fields) -> JsonObject:
        """{order}: O1 to O4."""
        return await self._rooms.holder_orders.obey(body.text("order", max_characters=_MAX_ORDER))

    async def credentials_standing(self, body: Fields) -> JsonObject:
        """{credential}."""
        return await self._rooms.holder_orders.standing(body.id("credential", "cred"))

    async def clients_register(self, body: Fields) -> JsonObject:
        """{order}."""
        return await self._rooms.clients.register(body.text("order", max_characters=_MAX_ORDER))

    async def documents_pair(self, body: Fields) -> JsonObject:
        """{device, device_key, nickname, credential}."""
        stated = await self._rooms.documents.pair(
            body.id("device", "dev"), body.key("device_key"), body.text("nickname"), body.id("credential", "cred")
        )
        return stated.answer()

    async def documents_test(self, body: Fields) -> JsonObject:
        """{binding}."""
        return (await self._rooms.documents.test(body.id("binding", "bnd"))).answer()

    async def documents_associate(self, body: Fields) -> JsonObject:
        """{device, credentials, computer: {id, name, os, key, address}}."""
        said = body.object("computer")
        computer = Computer(
            said.id("id", "cmp"), said.text("name"), said.text("os"), said.key("key"), said.text("address")
        )
        stated = await self._rooms.documents.associate(
            body.id("device", "dev"), body.ids("credentials", "cred"), computer
        )
        return stated.answer()

    async def documents_identify(self, body: Fields) -> JsonObject:
        """{device, integrator: {id}, scope, address}."""
        stated = await self._rooms.documents.identify(
            body.id("device", "dev"),
            body.object("integrator").id("id", "cli"),
            body.text("scope"),
            body.text("address"),
        )
        return stated.answer()

    async def documents_unblock(self, body: Fields) -> JsonObject:
        """{device, credential}."""
        stated = await self._rooms.documents.unblock(body.id("device", "dev"), body.id("credential", "cred"))
        return stated.answer()

    async def documents_admit(self, body: Fields) -> JsonObject:
        """{device, phone, credential}."""
        stated = await self._rooms.documents.admit(
            body.id("device", "dev"), body.id("phone", "dev"), body.id("credential", "cred")
        )
        return stated.answer()

    async def documents_sign(self, body: Fields) -> JsonObject:
        """{credential, caller, hashes, hash_algorithm, sign_algorithm, documents, activation_key, ask?} (step 4)."""
        stated = await self._rooms.requests.sign(_sign_ask(body))
        return {**stated.answer(), "verification_code": stated.fixed.document.text("verification_code")}

    async def documents_session(self, body: Fields) -> JsonObject:
        """{credential, caller, until, maximum, purpose, …, activation_key, ask?}: step 4, of a session."""
        stated = await self._rooms.session_asks.ask(_session_ask(body))
        return {**stated.answer(), "verification_code": stated.fixed.document.text("verification_code")}

    async def documents_consent(self, body: Fields) -> JsonObject:
        """{credential, caller, until, maximum, purpose, ask?}: step 4, of a consent."""
        kind, id_ = _caller(body)
        ask = ConsentAsk(
            credential=body.id("credential", "cred"),
            caller_kind=kind,
            caller_id=id_,
            until=body.number("until"),
            maximum=body.number("maximum"),
            purpose=body.text("purpose", max_characters=4096),
            signed=body.raw("ask"),
        )
        stated = await self._rooms.consent_asks.ask(ask)
        return {**stated.answer(), "verification_code": stated.fixed.document.text("verification_code")}

    async def documents_generator(self, body: Fields) -> JsonObject:
        """{device, credential, delivery_key}."""
        stated = await self._rooms.documents.generator(
            body.id("device", "dev"), body.id("credential", "cred"), body.key("delivery_key")
        )
        return stated.answer()

    async def documents_passkey(self, body: Fields) -> JsonObject:
        """{device, credential, passkey: {id, key}}."""
        said = body.object("passkey")
        stated = await self._rooms.documents.passkey(
            body.id("device", "dev"), body.id("credential", "cred"), read_handle(said.raw("id")), said.key("key")
        )
        return stated.answer()

    async def documents_passkey_end(self, body: Fields) -> JsonObject:
        """{device, credential}."""
        return (
            await self._rooms.documents.passkey_end(body.id("device", "dev"), body.id("credential", "cred"))
        ).answer()

    async def transport(self, _body: Fields) -> JsonObject:
        """{}."""
        return await self._rooms.transport.state()

    async def explicit_open(self, body: Fields) -> JsonObject:
        """As ``documents/sign`` or, with ``until``, ``documents/session``; and {factors} (steps E1 to E8)."""
        ask = _session_ask(body) if body.has("until") else _sign_ask(body)
        factors = body.text("factors", max_characters=MAX_SEALED_CHARACTERS)
        return await self._rooms.explicit.open(ExplicitCall(ask, factors))

    async def consents_standing(self, body: Fields) -> JsonObject:
        """{credential, caller}."""
        return await self._rooms.explicit.standing(body.id("credential", "cred"), *_caller(body))

    async def consents_list(self, body: Fields) -> JsonObject:
        """{device}."""
        return await self._rooms.consents.list(body.id("device", "dev"))

    async def consents_end(self, body: Fields) -> JsonObject:
        """{consent, device}."""
        await self._rooms.consents.end(body.id("consent", "req"), body.id("device", "dev"))
        return {}

    async def documents_statement(self, body: Fields) -> JsonObject:
        """{document, device}."""
        stated = await self._rooms.documents.statement(body.id("document", "doc", "req"), body.id("device", "dev"))
        return {"statement": stated.statement, "expires": stated.fixed.document.expires}

    async def documents_waiting(self, body: Fields) -> JsonObject:
        """{device}."""
        found = await self._rooms.documents.waiting(body.id("device", "dev"))
        return {"items": [{**one.answer(), "type": one.fixed.document.type} for one in found]}

    async def documents_decide(self, body: Fields) -> JsonObject:
        """{document, device, decision, proof, signature, passkey?} (step 7)."""
        return await self._rooms.decisions.decide(
            body.id("document", "doc", "req"), body.id("device", "dev"), _decision(body)
        )

    async def documents_state(self, body: Fields) -> JsonObject:
        """{document}."""
        return await self._rooms.outcomes.state(body.id("document", "doc", "req"))

    async def documents_evidence(self, body: Fields) -> JsonObject:
        """{document, device}."""
        return {"evidence": await self._rooms.evidence.of(body.id("document", "req"), body.id("device", "dev"))}

    async def documents_history(self, body: Fields) -> JsonObject:
        """{device, before?}."""
        return await self._rooms.history.of(body.id("device", "dev"), body.id_or_none("before", "req"))

    async def documents_withdraw(self, body: Fields) -> JsonObject:
        """{document}."""
        await self._rooms.documents.withdraw(body.id("document", "doc", "req"))
        return {}

    async def signatures_sign(self, body: Fields) -> JsonObject:
        """{activation, secret, hashes, hash_algorithm, sign_algorithm, caller} (steps 8 to 10)."""
        kind, id_ = _caller(body)
        call = SignCall(
            activation=body.id("activation", "act"),
            secret=body.data("secret", size=32),
            digests=body.datas("hashes", max_bytes=64),
            hash_algorithm=body.text("hash_algorithm"),
            sign_algorithm=body.text("sign_algorithm"),
            caller_kind=kind,
            caller_id=id_,
        )
        return {"signatures": [b64u(one) for one in await self._rooms.signatures.sign(call)]}

    async def signatures_use(self, body: Fields) -> JsonObject:
        """{activation, secret, counter, hashes, hash_algorithm, sign_algorithm, caller, use} (steps U1 to U10)."""
        kind, id_ = _caller(body)
        counter = body.number("counter")
        if not 1 <= counter <= MAX_COUNTER:
            raise BadCall(f"counter: 1 to {MAX_COUNTER}")
        use = Use(
            activation=body.id("activation", "act"),
            counter=counter,
            hash_algorithm=body.text("hash_algorithm"),
            sign_algorithm=body.text("sign_algorithm"),
            digests=body.datas("hashes", max_bytes=64),
        )
        signature = body.object("use").raw("signature") if body.has("use") else None
        call = UseCall(use, body.data("secret", size=32), signature, kind, id_)
        return {"signatures": [b64u(one) for one in await self._rooms.sessions.use(call)]}

    async def sessions_list(self, body: Fields) -> JsonObject:
        """{device}."""
        return await self._rooms.sessions.list(body.id("device", "dev"))

    async def sessions_end(self, body: Fields) -> JsonObject:
        """{activation, device}."""
        await self._rooms.sessions.end(body.id("activation", "act"), body.id("device", "dev"))
        return {}

    async def sessions_give_back(self, body: Fields) -> JsonObject:
        """{activation, caller}."""
        kind, id_ = _caller(body)
        await self._rooms.sessions.give_back(body.id("activation", "act"), kind, id_)
        return {}

    async def bindings_list(self, body: Fields) -> JsonObject:
        """{device}."""
        return await self._rooms.bindings.list(body.id("device", "dev"))

    async def bindings_phones(self, body: Fields) -> JsonObject:
        """{device}."""
        return await self._rooms.bindings.phones(body.id("device", "dev"))

    async def bindings_end(self, body: Fields) -> JsonObject:
        """{device, credential?, by?}."""
        credential, by = body.id_or_none("credential", "cred"), body.id_or_none("by", "dev")
        return {"ended": await self._rooms.bindings.end(body.id("device", "dev"), credential, by)}

    async def associations_list(self, body: Fields) -> JsonObject:
        """{computer}."""
        return await self._rooms.associations.list(body.id("computer", "cmp"))

    async def associations_of(self, body: Fields) -> JsonObject:
        """{device}."""
        return await self._rooms.associations.of_phone(body.id("device", "dev"))

    async def associations_end(self, body: Fields) -> JsonObject:
        """{computer, device?}."""
        await self._rooms.associations.end(body.id("computer", "cmp"), body.id_or_none("device", "dev"))
        return {}


def _caller(body: Fields) -> tuple[str, str]:
    """Kind and id of who asks; the two must fit."""
    said = body.object("caller")
    kind = said.one_of("kind", tuple(_KINDS))
    return kind, said.id("id", _KINDS[kind])


def _sign_ask(body: Fields) -> SignAsk:
    kind, id_ = _caller(body)
    digests = body.datas("hashes", max_bytes=64)
    labels = [(one.text("label", max_characters=4096), one.size_or_none("size")) for one in body.objects("documents")]
    if len(labels) != len(digests):
        raise BadCall("documents: as many as hashes")
    return SignAsk(
        credential=body.id("credential", "cred"),
        caller_kind=kind,
        caller_id=id_,
        digests=digests,
        hash_algorithm=body.text("hash_algorithm"),
        sign_algorithm=body.text("sign_algorithm"),
        labels=labels,
        activation_key=body.data("activation_key", size=32),
        signed=body.raw("ask"),
    )


def _session_ask(body: Fields) -> SessionAsk:
    kind, id_ = _caller(body)
    return SessionAsk(
        credential=body.id("credential", "cred"),
        caller_kind=kind,
        caller_id=id_,
        until=body.number("until"),
        maximum=body.number("maximum"),
        purpose=body.text("purpose", max_characters=4096),
        hash_algorithm=body.text("hash_algorithm"),
        sign_algorithm=body.text("sign_algorithm"),
        activation_key=body.data("activation_key", size=32),
        signed=body.raw("ask"),
    )


def _decision(body: Fields) -> Decision:
    return Decision.parse(body.raw("decision"), body.raw("proof"), body.raw("signature"), body.raw("passkey"))
