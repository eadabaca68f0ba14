"""The AC's private API (docs/protocol.md section 11): bodies checked, services called."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Final, TypeVar

from pydantic import Field, ValidationError

from foundation.channel import Call, PrivateApp, private_app
from foundation.clock import Clock
from foundation.encoding import b64u, unb64u
from foundation.errors import BadInput, JsonObject
from foundation.web import WireModel
from issuance.ac.domain.publication import MAX_OCSP_REQUEST
from issuance.ac.domain.time_stamp import MAX_REQUEST as MAX_STAMP_REQUEST
from issuance.ac.ports import AuthorityKeys
from issuance.ac.service.emission import EmissionService
from issuance.ac.service.issuing import IssuingService
from issuance.ac.service.orders import OrderService
from issuance.ac.service.publishing import Published, Publisher
from issuance.ac.service.revocation import RevocationService
from issuance.ac.service.time_stamping import TimeStamping

TRANSPORT_LIFE: Final = timedelta(minutes=10)
"""An operator's tool fetches the key, uses it, and submits the order within this time."""

_Text = Annotated[str, Field(max_length=64)]
_Jws = Annotated[str, Field(max_length=32_768)]

M = TypeVar("M", bound=WireModel)


class _Nothing(WireModel):
    pass


class _Start(WireModel):
    protocol: _Text
    key: dict[str, Any]


class _Decided(WireModel):
    emission: _Text
    decision: _Text
    proof: Annotated[str, Field(max_length=2048)] | None = None
    signature: Annotated[str, Field(max_length=128)]


class _Issue(WireModel):
    emission: _Text
    possession: _Jws


class _Order(WireModel):
    order: _Jws


class _List(WireModel):
    protocol: _Text | None = None
    serial: _Text | None = None
    limit: int = 20


class _Ocsp(WireModel):
    request: Annotated[str, Field(max_length=2 * MAX_OCSP_REQUEST)]


class _Stamp(WireModel):
    request: Annotated[str, Field(max_length=2 * MAX_STAMP_REQUEST)]


class AcCalls:
    """One method for each call."""

    def __init__(
        self,
        keys: AuthorityKeys,
        clock: Clock,
        orders: OrderService,
        emissions: EmissionService,
        issuing: IssuingService,
        revocation: RevocationService,
        publisher: Publisher,
        stamping: TimeStamping,
    ) -> None:
        """The services of this process."""
        self._keys = keys
        self._clock = clock
        self._orders = orders
        self._emissions = emissions
        self._issuing = issuing
        self._revocation = revocation
        self._publisher = publisher
        self._stamping = stamping

    def table(self) -> Mapping[str, Call]:
        """The calls by name."""
        return {
            "status": self._status,
            "transport": self._transport,
            "orders/submit": self._submit,
            "emission/start": self._start,
            "emission/identify": self._identify,
            "emission/agree": self._agree,
            "emission/issue": self._issue,
            "certificates/revoke": self._revoke,
            "certificates/list": self._list,
            "pki/root.crt": self._root_certificate,
            "pki/issuing.crt": self._issuing_certificate,
            "pki/chain.p7b": self._chain,
            "pki/root.crl": self._root_crl,
            "pki/issuing.crl": self._issuing_crl,
            "pki/ocsp": self._ocsp,
            "pki/tsa": self._tsa,
        }

    def app(self) -> PrivateApp:
        """For ``serve_private``."""
        return private_app(self.table())

    async def _status(self, body: JsonObject) -> JsonObject:
        _read(_Nothing, body)
        return {"ready": True}

    async def _transport(self, body: JsonObject) -> JsonObject:
        _read(_Nothing, body)
        now = self._clock.now()
        payload: JsonObject = {
            "v": 1,
            "type": "transport",
            "key": (await self._keys.transport_key()).jwk,
            "expires": int((now + TRANSPORT_LIFE).timestamp()),
        }
        return {"statement": await self._keys.sign_root(payload)}

    async def _submit(self, body: JsonObject) -> JsonObject:
        return await self._orders.submit(_read(_Order, body).order)

    async def _start(self, body: JsonObject) -> JsonObject:
        asked = _read(_Start, body)
        return await self._emissions.start(asked.protocol, asked.key)

    async def _identify(self, body: JsonObject) -> JsonObject:
        said = _read(_Decided, body)
        return await self._emissions.identify(said.emission, said.decision, said.proof, said.signature)

    async def _agree(self, body: JsonObject) -> JsonObject:
        said = _read(_Decided, body)
        return await self._emissions.agree(said.emission, said.decision, said.signature)

    async def _issue(self, body: JsonObject) -> JsonObject:
        asked = _read(_Issue, body)
        return await self._issuing.issue(asked.emission, asked.possession)

    async def _revoke(self, body: JsonObject) -> JsonObject:
        return await self._revocation.revoke(_read(_Order, body).order)

    async def _list(self, body: JsonObject) -> JsonObject:
        asked = _read(_List, body)
        return await self._revocation.listed(asked.protocol, asked.serial, asked.limit)

    async def _root_certificate(self, body: JsonObject) -> JsonObject:
        return _published(self._publisher.certificate("root"))

    async def _issuing_certificate(self, body: JsonObject) -> JsonObject:
        return _published(self._publisher.certificate("issuing"))

    async def _chain(self, body: JsonObject) -> JsonObject:
        return _published(self._publisher.chain())

    async def _root_crl(self, body: JsonObject) -> JsonObject:
        return _published(await self._publisher.crl("root"))

    async def _issuing_crl(self, body: JsonObject) -> JsonObject:
        return _published(await self._publisher.crl("issuing"))

    async def _ocsp(self, body: JsonObject) -> JsonObject:
        request = unb64u(_read(_Ocsp, body).request, max_len=MAX_OCSP_REQUEST)
        return _published(await self._publisher.ocsp(request))

    async def _tsa(self, body: JsonObject) -> JsonObject:
        request = unb64u(_read(_Stamp, body).request, max_len=MAX_STAMP_REQUEST)
        return _published(await self._stamping.stamp(request))


def _published(file: Published) -> JsonObject:
    return {"content_type": file.content_type, "body": b64u(file.body), "max_age": file.max_age}


def _read(model: type[M], body: JsonObject) -> M:
    try:
        return model.model_validate(dict(body), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])[:64]
        raise BadInput(f"{where}: {first['msg']}") from None
