"""People with phones and computers: each method is something a person does, through the public interface only."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from aiohttp.test_utils import TestClient

from foundation.clock import Clock
from foundation.encoding import b64u, unb64u
from pairing.ports import CredentialFacts
from protocol.decisions import message
from protocol.documents import Document
from protocol.keys import sign_raw
from tests.pairing.recorders import RecordingSms
from tests.support.callers import Caller
from tests.support.sam_double import RIGHT_PROOF

ORIGIN = "https://gateway.test"
APP = "https://app.test"

MARIA = "+5531987654321"
JOSE = "+5511912345678"
NOBODY = "+5521998887766"

CREDENTIALS = [
    CredentialFacts(f"cred_{number:026}", subject, kind, datetime(2027, 11, 23, tzinfo=UTC), "active")
    for number, (subject, kind) in enumerate(
        [("MARIA DA SILVA", "person"), ("EMPRESA DA MARIA", "company"), ("JOSE SANTOS", "person")]
    )
]
MARIAS, COMPANYS, JOSES = (one.id for one in CREDENTIALS)


class TownOfHolders:
    """`pairing.ports.Holders`: Maria has her own certificate and her company's, José has his."""

    def __init__(self) -> None:
        self.numbers = {MARIA: CREDENTIALS[:2], JOSE: CREDENTIALS[2:]}

    async def for_number(self, number: str) -> Sequence[CredentialFacts]:
        return self.numbers.get(number, [])

    async def facts(self, credentials: Sequence[str]) -> Sequence[CredentialFacts]:
        return [one for one in CREDENTIALS if one.id in credentials]


def read_statement(statement: str) -> Document:
    """The document in a statement. (That phones verify the root's signature is the phone app's test.)"""
    payload = json.loads(unb64u(statement.split(".")[1], max_len=100_000))
    return Document.parse(unb64u(payload["document"], max_len=100_000))


class Phone(Caller):
    """A phone with a key, and the person who holds it."""

    def __init__(self, client: TestClient[Any, Any], clock: Clock, sms: RecordingSms) -> None:
        super().__init__(client, clock, ORIGIN)
        self._sms = sms
        self.device = ""

    async def give_number(self, number: str = MARIA) -> str:
        """Vamos começar! The pairing."""
        status, body = await self.call("POST", "/phone/v1/pairings", {"number": number})
        assert status == 201, body
        return str(body["pairing"])

    async def type_code(self, pairing: str, code: str) -> tuple[int, dict[str, Any]]:
        """The code from the SMS; when it is right the phone keeps its token."""
        status, body = await self.call("POST", f"/phone/v1/pairings/{pairing}/code", {"code": code})
        if status == 201:
            self.device, self.token = body["device"], body["token"]
        return status, body

    async def verify(self, number: str = MARIA) -> None:
        """Number and code."""
        status, body = await self.type_code(await self.give_number(number), self._sms.last_code(number))
        assert status == 201, body

    async def name(self, nickname: str) -> None:
        """Apelido."""
        status, body = await self.call("PUT", "/phone/v1/device", {"nickname": nickname})
        assert status == 200, body

    async def pair(self, number: str = MARIA, credential: str = MARIAS, nickname: str = "Celular da Maria") -> None:
        """The whole ceremony, usage password and test included."""
        await self.verify(number)
        await self.name(nickname)
        status, body = await self.call("POST", "/phone/v1/bindings", {"credential": credential})
        assert status == 201, body
        status, body = await self.decide(read_statement(body["statement"]), proof=RIGHT_PROOF)
        assert (status, body["state"]) == (200, "approved"), body
        status, body = await self.decide(await self.fetch(body["next"]["document"]))
        assert (status, body["state"]) == (200, "approved"), body

    async def fetch(self, document: str) -> Document:
        """A document by its id."""
        status, body = await self.call("GET", f"/phone/v1/documents/{document}")
        assert status == 200, body
        return read_statement(body["statement"])

    async def decide(
        self, document: Document, word: str = "approve", proof: str | None = None, **changes: Any
    ) -> tuple[int, dict[str, Any]]:
        """A decision, signed by this phone over this document."""
        signature = b64u(sign_raw(self.private, message(document.digest, word, proof)))
        body = {"decision": word, "proof": proof, "signature": signature, **changes}
        return await self.call("POST", f"/phone/v1/documents/{document.id}/decision", body)

    async def asked(self, document: str) -> dict[str, Any]:
        """A document as the gateway hands it out, with what stands beside its statement."""
        status, body = await self.call("GET", f"/phone/v1/documents/{document}")
        assert status == 200, body
        return body

    async def scan(self, text: str) -> tuple[int, dict[str, Any]]:
        """What the camera read, or what was typed."""
        return await self.call("POST", "/phone/v1/scan", {"text": text})

    async def scan_and_approve(self, text: str) -> str:
        """The check code."""
        status, body = await self.scan(text)
        assert status == 200, body
        status, body = await self.decide(read_statement(body["statement"]))
        assert status == 200, body
        return str(body["next"]["check_code"])


class Computer(Caller):
    """A desktop agent, and the person in front of it."""

    def __init__(self, client: TestClient[Any, Any], clock: Clock) -> None:
        super().__init__(client, clock, ORIGIN)
        self.link = ""

    async def begin(self, name: str = "Notebook da Maria") -> None:
        """Associar este computador."""
        body = {"name": name, "os": "Debian 12", "version": "0.1.0"}
        status, answer = await self.call("POST", "/links/v1", body)
        assert status == 201, answer
        self.link = answer["link"]

    async def look(self) -> dict[str, Any]:
        """What the screen shows now."""
        status, body = await self.call("GET", f"/links/v1/{self.link}")
        assert status == 200, body
        return body

    async def frame(self) -> str:
        """The QR code now."""
        return str((await self.look())["frame"])

    async def type_check(self, code: str) -> tuple[int, dict[str, Any]]:
        """The check code from the phone."""
        return await self.call("POST", f"/links/v1/{self.link}/check", {"code": code})

    async def associate(self, phone: Phone) -> str:
        """The whole ceremony; the computer's id."""
        await self.begin()
        status, body = await self.type_check(await phone.scan_and_approve(await self.frame()))
        assert status == 200, body
        return str(body["computer"])
