"""AC and SAM over their private channels, as the ports have them."""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from foundation.encoding import JsonObject, JsonValue, b64u, unb64u
from foundation.errors import Internal
from issuance.ports import Issued, PasswordWanted, Possession, Published

_MAX_FILE: Final = 4 * 1024 * 1024
"""A revocation list of 100,000 entries has 3.7 MB; before that the AC must begin to split it."""
_MAX_DER: Final = 16_384


class PrivateCalls(Protocol):
    """``foundation.channel.PrivateClient``, as far as we use it."""

    async def call(self, name: str, body: JsonObject | None = None) -> JsonObject:
        """Post and return."""
        ...


class UnexpectedAnswer(Internal):
    """AC or SAM answered something that the protocol does not know: versions that do not fit."""

    code = "unexpected_private_answer"


class AcOverChannel:
    """See ``ports.Ac``."""

    def __init__(self, client: PrivateCalls) -> None:
        """``client``: to the AC."""
        self._client = client

    async def start(self, protocol: str, key: Mapping[str, str]) -> tuple[str, str]:
        answer = await self._client.call("emission/start", {"protocol": protocol, "key": dict(key)})
        return _text(answer, "emission"), _text(answer, "statement")

    async def identify(self, emission: str, *, decision: str, proof: str | None, signature: str) -> str:
        body = {"emission": emission, "decision": decision, "proof": proof, "signature": signature}
        return _text(await self._client.call("emission/identify", body), "statement")

    async def agree(self, emission: str, *, decision: str, signature: str) -> str:
        body = {"emission": emission, "decision": decision, "signature": signature}
        return _text(await self._client.call("emission/agree", body), "key_algorithm")

    async def issue(self, emission: str, possession: str) -> Issued:
        answer = await self._client.call("emission/issue", {"emission": emission, "possession": possession})
        chain, holder = answer.get("chain"), answer.get("holder")
        if not isinstance(chain, list) or not chain or not isinstance(holder, Mapping):
            raise UnexpectedAnswer("emission/issue")
        return Issued(
            chain=[unb64u(str(part), max_len=_MAX_DER) for part in chain],
            name=_text(holder, "name"),
            phone=_text(holder, "phone"),
            email=_text(holder, "email"),
            kind=_text(holder, "kind"),
        )

    async def published(self, name: str, body: JsonObject) -> Published:
        answer = await self._client.call(f"pki/{name}", body)
        max_age = answer.get("max_age")
        if not isinstance(max_age, int):
            raise UnexpectedAnswer(f"pki/{name}")
        return Published(
            _text(answer, "content_type"), unb64u(_text(answer, "body"), max_len=_MAX_FILE), max(0, max_age)
        )


class SamOverChannel:
    """See ``ports.Sam``."""

    def __init__(self, client: PrivateCalls) -> None:
        """``client``: to any SAM; they are alike."""
        self._client = client

    async def prepare(self, emission: str, key: str, key_algorithm: str) -> PasswordWanted:
        answer = await self._client.call(
            "emission/prepare", {"emission": emission, "key": key, "key_algorithm": key_algorithm}
        )
        return PasswordWanted(_text(answer, "statement"), _text(answer, "document"), _text(answer, "credential"))

    async def make_keys(
        self, document: str, key: Mapping[str, str], *, decision: str, proof: str | None, signature: str
    ) -> Possession:
        body: JsonObject = {
            "document": document,
            "decision": decision,
            "proof": proof,
            "signature": signature,
            "key_jwk": dict(key),
        }
        answer = await self._client.call("emission/keys", body)
        return Possession(_text(answer, "possession"), _text(answer, "credential"))

    async def activate(self, credential: str, chain: Sequence[bytes]) -> None:
        await self._client.call(
            "credentials/activate", {"credential": credential, "chain": [b64u(part) for part in chain]}
        )


def _text(answer: Mapping[str, JsonValue], name: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str):
        raise UnexpectedAnswer(f"{name} is not text")
    return value
