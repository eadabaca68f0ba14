"""AC and SAM over their private channels, as the ports have them."""

from collections.abc import Mapping, Sequence
from typing import Final

from foundation.channel import Answer, PrivateCalls
from foundation.encoding import JsonObject, b64u
from issuance.ports import Issued, PasswordWanted, Possession, Published

_MAX_FILE: Final = 4 * 1024 * 1024
"""A revocation list of 100,000 entries has 3.7 MB; before that the AC must begin to split it."""
_MAX_DER: Final = 16_384


class AcOverChannel:
    """See ``ports.Ac``."""

    def __init__(self, client: PrivateCalls) -> None:
        """``client``: to the AC."""
        self._client = client

    async def start(self, protocol: str, key: Mapping[str, str]) -> tuple[str, str]:
        answer = await _call(self._client, "emission/start", {"protocol": protocol, "key": dict(key)})
        return answer.text("emission"), answer.text("statement")

    async def identify(self, emission: str, *, decision: str, proof: str | None, signature: str) -> str:
        body = {"emission": emission, "decision": decision, "proof": proof, "signature": signature}
        return (await _call(self._client, "emission/identify", body)).text("statement")

    async def agree(self, emission: str, *, decision: str, signature: str) -> str:
        body = {"emission": emission, "decision": decision, "signature": signature}
        return (await _call(self._client, "emission/agree", body)).text("key_algorithm")

    async def issue(self, emission: str, possession: str) -> Issued:
        answer = await _call(self._client, "emission/issue", {"emission": emission, "possession": possession})
        chain, holder = answer.datas("chain", max_bytes=_MAX_DER), answer.object("holder")
        if not chain:
            raise answer.bad("an empty chain")
        return Issued(
            chain=chain,
            name=holder.text("name"),
            phone=holder.text("phone"),
            email=holder.text("email"),
            kind=holder.text("kind"),
        )

    async def published(self, name: str, body: JsonObject) -> Published:
        answer = await _call(self._client, f"pki/{name}", body)
        return Published(
            answer.text("content_type"), answer.data("body", max_bytes=_MAX_FILE), max(0, answer.number("max_age"))
        )


class SamOverChannel:
    """See ``ports.Sam``."""

    def __init__(self, client: PrivateCalls) -> None:
        """``client``: to any SAM; they are alike."""
        self._client = client

    async def prepare(self, emission: str, key: str, key_algorithm: str) -> PasswordWanted:
        body = {"emission": emission, "key": key, "key_algorithm": key_algorithm}
        answer = await _call(self._client, "emission/prepare", body)
        return PasswordWanted(answer.text("statement"), answer.text("document"), answer.text("credential"))

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
        answer = await _call(self._client, "emission/keys", body)
        return Possession(answer.text("possession"), answer.text("credential"))

    async def activate(self, credential: str, chain: Sequence[bytes]) -> None:
        await self._client.call(
            "credentials/activate", {"credential": credential, "chain": [b64u(part) for part in chain]}
        )


async def _call(client: PrivateCalls, name: str, body: JsonObject) -> Answer:
    return Answer(name, await client.call(name, body))
