"""What one slice needs of another, met: each class is a slice's port, spoken by another slice's service.

Slices state their needs in words of their own (`ports.py`) and never import each other; the translations are here, and
only here. A translation that needs more than a line is a sign that a port says the wrong thing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Final

from aiohttp import web

from foundation.clock import Clock
from foundation.database import Connection, Database
from foundation.errors import JsonObject, LinkIdError, Unavailable
from foundation.ids import new_id
from foundation.logs import get_logger
from hsm_service.credentials.domain.identification import identification_of, name_of
from hsm_service.credentials.errors import NoSuchCredential
from hsm_service.credentials.service import CredentialService, Identifications
from hsm_service.credentials.store import Held
from hsm_service.csc import dialect as csc
from hsm_service.csc.errors import invalid
from hsm_service.documents.domain.form import Form, Format, policy_form
from hsm_service.documents.domain.prepared import Prepared
from hsm_service.documents.domain.signatory import Signatory
from hsm_service.documents.domain.stamp import Stamp
from hsm_service.documents.service import DocumentService
from hsm_service.oauth import ports as oauth
from hsm_service.psc import ports as psc
from hsm_service.psc.service.outcomes import Outcomes
from hsm_service.psc.service.start_bells import StartBells
from hsm_service.registration import ports as registration
from hsm_service.signing import ports as signing
from hsm_service.signing.domain.labels import labels_for
from hsm_service.signing.domain.request import Ask, Caller, CallerKind, Request, State
from hsm_service.signing.domain.request import Kind as RequestKind
from hsm_service.signing.errors import BadDigest, RequestLapsed, RequestRefused, RequestWithdrawn
from hsm_service.signing.service import Approved, SigningService
from hsm_service.webhooks.domain.address import checked
from hsm_service.webhooks.service import AddressService, Event, EventType, Telling
from pairing import ports as pairing
from pairing.domain.letters import Letter
from pairing.service.calls import CallService, Numbered
from pairing.service.links import LinkService
from pairing.service.phones import PhoneService
from pairing.web import Doorkeeper
from protocol.algorithms import HASH_BYTES
from push.ports import Listener
from push.service.outbox import OutboxService

_LETTER_LIFE: Final = timedelta(days=2)
"""A mail server may be away over a weekend's night; after two days the news is old."""

_log = get_logger(__name__)


class CredentialsOfSigning:
    """`signing.ports.Credentials` by the credentials slice."""

    def __init__(self, credentials: CredentialService) -> None:
        self._credentials = credentials

    async def find(self, credential: str) -> signing.CredentialView | None:
        """None when there is none."""
        try:
            return await self._credentials.facts(credential)
        except NoSuchCredential:
            return None


class HoldersOfPairing:
    """`pairing.ports.Holders` by the credentials slice."""

    def __init__(self, credentials: CredentialService) -> None:
        self._credentials = credentials

    async def for_number(self, number: str) -> list[pairing.CredentialFacts]:
        """Whoever gave this number."""
        return [_facts(held) for held in await self._credentials.for_number(number)]

    async def facts(self, credentials: Sequence[str]) -> list[pairing.CredentialFacts]:
        """Those that exist."""
        return [_facts(held) for held in await self._credentials.held(credentials)]


def _facts(held: Held) -> pairing.CredentialFacts:
    credential = held.credential
    return pairing.CredentialFacts(
        credential.id, credential.subject, held.kind.value, credential.valid_to, credential.state
    )


class LettersOfPairing:
    """`pairing.ports.Letters` by the credentials slice, which knows the addresses, and push, which carries."""

    def __init__(self, database: Database, clock: Clock, credentials: CredentialService, outbox: OutboxService) -> None:
        self._database = database
        self._clock = clock
        self._credentials = credentials
        self._outbox = outbox

    async def to_holders(self, credentials: Sequence[str], letter: Letter) -> None:
        """One for each address. What was done stands, whether or not the letter could be queued."""
        try:
            holders = [await self._credentials.holder_of(credential) for credential in credentials]
            expires = self._clock.now() + _LETTER_LIFE
            async with self._database.transaction() as connection:
                for address in sorted({one.data.email for one in holders if one is not None and one.data.email}):
                    await self._outbox.send_email(connection, address, letter.subject, letter.text, expires)
        except Unavailable as error:
            _log.warning("letter_not_queued", error_code=error.code)


class LinksOfOAuth:
    """`oauth.ports.Links` by the pairing slice: the ceremony behind the authorize page's QR."""

    def __init__(self, links: LinkService) -> None:
        self._links = links

    async def open(self, *, page_key: str, client: str, client_name: str, scope: str, address: str) -> str:
        """Begin one."""
        begun = await self._links.begin_identify(
            page_key, pairing.AskingIntegrator(client, client_name), scope=scope, address=address
        )
        return begun.link

    async def look(self, link: str, *, page_key: str) -> oauth.LinkView:
        """As it is this second."""
        seen = await self._links.look(link, page_key)
        return oauth.LinkView(seen.state.value, seen.expires_in, seen.frame, seen.code, seen.phone, seen.ended_by)

    async def check(self, link: str, code: str, *, page_key: str) -> list[str]:
        """The credentials that the phone approved."""
        completed = await self._links.check(link, page_key, code)
        return [facts.id for facts in completed.credentials]

    async def give_up(self, link: str, *, page_key: str) -> None:
        """The page was left."""
        await self._links.give_up(link, page_key)


class CallsOfPsc:
    """`psc.ports.Calls` by the pairing slice: phones that are rung to ask who is there."""

    def __init__(self, calls: CallService) -> None:
        self._calls = calls

    def number(self, secret: str) -> str:
        """Of all links of a secret."""
        return self._calls.number(secret)

    async def show(
        self, secret: str, *, client: str, client_name: str, scope: str, address: str, numbered: psc.Numbered
    ) -> tuple[str, str]:
        """A link with a code that stays the same."""
        asking, of = pairing.AskingIntegrator(client, client_name), Numbered(numbered.until, numbered.calls)
        return await self._calls.show(secret, asking, scope=scope, address=address, numbered=of)

    async def call(
        self,
        secret: str,
        *,
        client: str,
        client_name: str,
        scope: str,
        address: str,
        credential: str,
        numbered: psc.Numbered | None = None,
    ) -> list[str]:
        """A link for each phone."""
        asking = pairing.AskingIntegrator(client, client_name)
        of = None if numbered is None else Numbered(numbered.until, numbered.calls)
        return await self._calls.call(secret, asking, scope=scope, address=address, credential=credential, numbered=of)

    async def answer(self, calls: Sequence[str], secret: str) -> psc.CallAnswer:
        """The first yes or no."""
        answer = await self._calls.answer(calls, secret)
        return psc.CallAnswer(answer.state, answer.credentials)


class PostsOfPsc:
    """`psc.ports.Posts` by the webhooks slice's rule for addresses and the push slice's outbox."""

    def __init__(self, outbox: OutboxService, *, development: bool) -> None:
        self._outbox = outbox
        self._development = development

    def check(self, url: str) -> None:
        """As an address for events."""
        checked(url, development=self._development)

    async def queue(self, connection: Connection, url: str, body: JsonObject, expires: datetime) -> None:
        """As an event, under an id that only the headers have."""
        await self._outbox.queue(connection, url, body, expires, id=new_id("evt"))


class NoticesOfSigning:
    """`signing.ports.Notices` by the webhooks slice, where a request that came to its answer is an event, and by the
    Brazilian dialect, which posts what became of a consent, or of a session that an application started."""

    def __init__(self, telling: Telling, outcomes: Outcomes, starts: StartBells) -> None:
        self._telling = telling
        self._outcomes = outcomes
        self._starts = starts

    def listening(self) -> Collection[str]:
        """Applications with an address, or that wait for a consent or a session."""
        return {*self._telling.listening(), *self._outcomes.listening(), *self._starts.listening()}

    async def settled(self, connection: Connection, request: Request) -> None:
        """Told, if its caller is an application and a holder could see it."""
        kind = _EVENTS.get(request.state)
        if kind is None or request.document is None or request.caller.kind is not CallerKind.INTEGRATOR:
            return
        session = request.activation if request.kind is RequestKind.SESSION else None
        event = Event(kind, request.caller.id, request.document, request.credential, session, request.reason)
        await self._telling.tell(connection, event, None if session is None else request.expires)
        if request.kind is RequestKind.CONSENT and request.state in (State.APPROVED, State.REFUSED):
            await self._outcomes.settled(connection, request.document)
        if request.kind is RequestKind.SESSION:
            await self._starts.settled(connection, request.document)

    async def given_back(self, activation: str) -> None:
        """Its application ended a session. It is over whether or not that can be told."""
        try:
            await self._telling.session_ended(activation, "application")
        except Unavailable as error:
            _log.warning("session_end_not_told", error_code=error.code)


_EVENTS: Final = {
    State.APPROVED: EventType.APPROVED,
    State.REFUSED: EventType.REFUSED,
    State.LAPSED: EventType.EXPIRED,
    State.WITHDRAWN: EventType.WITHDRAWN,
}


class CallersOfPairing:
    """`pairing.ports.Callers` by the signing slice, the webhooks slice and the Brazilian dialect."""

    def __init__(self, signing: SigningService, telling: Telling, starts: StartBells) -> None:
        self._signing = signing
        self._telling = telling
        self._starts = starts

    def heard(self, document: str, verdict: pairing.Verdict) -> AbstractContextManager[None]:
        """A phone decided."""
        return self._signing.heard(document, _verdict(verdict))

    async def decided(self, connection: Connection, document: str, verdict: pairing.Verdict) -> None:
        """The same, to be written down."""
        await self._signing.decided(connection, document, _verdict(verdict))

    async def session_ended(self, activation: str) -> None:
        """The holder ended a session. It is over whether or not that can be told."""
        try:
            await self._telling.session_ended(activation, "holder")
        except Unavailable as error:
            _log.warning("session_end_not_told", error_code=error.code)

    async def answered(self, link: str) -> None:
        """A phone told an application who is there. Whoever waits looks by themselves, a little later."""
        try:
            await self._starts.answered(link)
        except Unavailable as error:
            _log.warning("answer_not_told", error_code=error.code)


def _verdict(verdict: pairing.Verdict) -> signing.Verdict:
    return signing.Verdict(signing.Outcome(verdict.state), verdict.reason, verdict.activation, verdict.until)


class SignaturesOfOAuth:
    """`oauth.ports.Signatures` by the CSC dialect, which reads what is asked, and the signing slice, which asks."""

    def __init__(self, credentials: CredentialService, signing: SigningService, app: str) -> None:
        self._credentials = credentials
        self._signing = signing
        self._app = app

    def check(self, body: JsonObject) -> None:
        """Whether it may be one at all: what does not depend on the credential's key."""
        wanted = csc.read_authorize(body)
        if wanted.forms is not None:
            raise invalid("clientData")  # attributes are fixed by authorize alone
        if any(len(digest) != HASH_BYTES[wanted.hash_name] for digest in wanted.hashes):
            raise BadDigest()

    async def ask(self, client: str, client_name: str, body: JsonObject) -> oauth.AskedSignature:
        """As `credentials/authorize` does it for a caller with a token."""
        wanted = csc.read_authorize(body)
        credential = await self._credentials.facts(wanted.credential)
        ask = Ask(
            credential=wanted.credential,
            hashes=wanted.hashes,
            hash_algorithm=wanted.hash_name,
            sign_algorithm=wanted.algorithm_for(credential.key_algorithm).name,
            labels=labels_for(len(wanted.hashes), wanted.labels, wanted.description),
            signed=wanted.signed,
        )
        asked = await self._signing.ask(_integrator(client, client_name), ask)
        address = f"{self._app}/r#1.{asked.document}"
        return oauth.AskedSignature(asked.handle, asked.verification_code, asked.expires_in, address)

    async def look(self, client: str, client_name: str, handle: str) -> oauth.SignatureView:
        """As it is now."""
        try:
            found = await self._signing.check(_integrator(client, client_name), handle)
        except (RequestRefused, RequestLapsed, RequestWithdrawn) as over:
            return oauth.SignatureView(_ENDS[type(over)])
        if isinstance(found, Approved):
            return oauth.SignatureView("approved", found.expires_in, found.sad)
        return oauth.SignatureView("waiting", found.expires_in)

    async def withdraw(self, client: str, client_name: str, handle: str) -> None:
        """The page was left."""
        await self._signing.withdraw(_integrator(client, client_name), handle)


_ENDS: Final[Mapping[type[LinkIdError], str]] = {
    RequestRefused: "refused",
    RequestLapsed: "lapsed",
    RequestWithdrawn: "withdrawn",
}


def _integrator(client: str, client_name: str) -> Caller:
    return Caller(CallerKind.INTEGRATOR, client, client_name)


class DocumentsOfPsc:
    """`psc.ports.Documents` by the documents slice."""

    def __init__(self, documents: DocumentService, verification: str) -> None:
        """``verification``: the address where anybody verifies, which stands on stamps."""
        self._documents = documents
        self._stamp = Stamp(verification)

    async def prepare(self, content: psc.Content, chain: Sequence[bytes], sign_algorithm: str) -> psc.Preparation:
        """Around a digest, or a PDF."""
        signatory = Signatory(tuple(chain), sign_algorithm)
        form = _PSC_FORMS[content.format]
        if content.pdf is not None:
            stamp = self._stamp if content.stamped else None
            prepared = await self._documents.prepare(form, signatory, content=content.pdf, stamp=stamp)
        else:
            prepared = await self._documents.prepare(form, signatory, digest=content.digest)
        return psc.Preparation(prepared.digest, prepared.to_bytes())

    async def finish(self, kept: bytes, signature: bytes) -> bytes:
        """The CMS object, or the PDF."""
        return (await self._documents.finish(Prepared.from_bytes(kept), signature)).content


_PSC_FORMS: Final = {
    "CMS": Form(Format.CMS),
    "CAdES_AD_RB": policy_form(Format.CADES, "AD-RB"),
    "CAdES_AD_RT": policy_form(Format.CADES, "AD-RT"),
    "PAdES_AD_RB": policy_form(Format.PADES, "AD-RB"),
    "PAdES_AD_RT": policy_form(Format.PADES, "AD-RT"),
}


class HoldersOfRegistration:
    """`registration.ports.Holders` by the credentials slice."""

    def __init__(self, credentials: CredentialService, identifications: Identifications) -> None:
        self._credentials = credentials
        self._identifications = identifications

    async def person(self, credentials: Sequence[str]) -> registration.Person | None:
        """The one whose certificate is valid longest; None when none of them can sign and bears a number."""
        for credential in await self._credentials.known(credentials, only_valid=True):
            found = identification_of(credential.chain[0])
            if found is not None:
                name = name_of(credential.chain[0])[:200] or credential.id
                return registration.Person(self._identifications.digest(found), name)
        return None


class WebhooksOfRegistration:
    """`registration.ports.Webhooks` by the webhooks slice."""

    def __init__(self, addresses: AddressService, telling: Telling) -> None:
        self._addresses = addresses
        self._telling = telling

    async def set(self, client: str, url: str) -> None:
        """From now on there."""
        await self._addresses.set(client, url)

    async def drop(self, client: str) -> bool:
        """Nowhere any more."""
        return await self._addresses.drop(client)

    async def address(self, client: str) -> str | None:
        """Where."""
        return await self._addresses.address(client)

    async def send_test(self, client: str) -> bool:
        """Queued."""
        return await self._telling.test(client)

    async def deliveries(self, client: str) -> list[registration.Delivery]:
        """The last ones."""
        return [
            registration.Delivery(one.event, one.type, one.queued, "lapsed", 0, None, None)
            if became is None
            else registration.Delivery(
                one.event, one.type, one.queued, became.state, became.attempts, became.failure, became.due
            )
            for one, became in await self._telling.told(client)
        ]


class NumbersOfPush:
    """`push.ports.Numbers` by the pairing slice."""

    def __init__(self, phones: PhoneService) -> None:
        self._phones = phones

    async def number_of(self, connection: Connection, device: str) -> str | None:
        """The one it proved last."""
        return await self._phones.number_of(connection, device)


class DevicesOfPush:
    """`push.ports.Devices` by pairing's doorkeeper."""

    def __init__(self, doorkeeper: Doorkeeper) -> None:
        self._doorkeeper = doorkeeper

    async def device_id(self, request: web.Request) -> str:
        """The paired phone that calls."""
        return (await self._doorkeeper.device(request)).id

    async def listener(self, request: web.Request) -> Listener:
        """The paired phone that calls, and by which token."""
        device = await self._doorkeeper.device(request)
        return Listener(device.id, device.token)

    async def standing(self, listeners: Sequence[Listener]) -> frozenset[str]:
        """The tokens that still let a phone in."""
        return await self._doorkeeper.standing([one.token for one in listeners])
