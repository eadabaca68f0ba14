"""What tests of explicit signing need around a World: a generator as a phone keeps it, and an application's calls."""

import secrets
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from foundation.encoding import b64u, strict_json
from protocol import activation, codes, explicit, statements
from protocol.algorithms import SIGN_ALGORITHMS
from protocol.consents import ExplicitSettings
from protocol.explicit import Factors, Purpose
from protocol.keys import P256Key
from protocol.proofs import Jwe
from tests.sam.world import PASSWORD, Request, Session, Signer, World, digest, raw

ON = ExplicitSettings(enabled=True)


@dataclass
class Codes:
    """The generator of one phone."""

    world: World
    id: str
    secret: bytes

    def code(self, later: int = 0) -> str:
        """Of now, or of so many steps later."""
        return codes.code_at(self.secret, codes.step_of(self.world.clock.now()) + later)

    def next(self) -> str:
        """The code of a step that nothing was used for: the clock goes on by one."""
        self.world.clock.advance(codes.PERIOD)
        return self.code()


async def generator(world: World, credential: str, phone: Signer) -> Codes:
    """Asked for, approved with the password, delivered to the phone's own key."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = P256Key.from_public(key.public_key())
    made = await world.call("documents/generator", device=phone.id, credential=credential, delivery_key=public.jwk)
    statement = world.open(made["statement"])
    assert statement.document.text("delivery_key") == public.jkt
    decided = await world.decide(phone, made)
    return read_generator(world, decided["generator"], key)


def read_generator(world: World, delivered: dict[str, Any], key: ec.EllipticCurvePrivateKey) -> Codes:
    jwe = Jwe.parse(delivered["sealed"])
    told = strict_json(jwe.decrypt(key.exchange(ec.ECDH(), jwe.epk.public)), max_bytes=2048)
    assert isinstance(told, dict)
    assert (told["id"], told["digits"], told["period"]) == (delivered["id"], 6, 30)
    return Codes(world, str(told["id"]), raw(told["secret"]))


async def ask_consent(world: World, credential: str, **changes: Any) -> Any:
    """An application asks for a consent of a day and ten signatures: {id, statement, caller}."""
    caller = changes.pop("caller", None) or await world.register()
    body = {
        "credential": credential, "caller": caller, "until": int(world.clock.now().timestamp()) + 86_400,
        "maximum": 10, "purpose": "Receitas do plantão", **changes,
    }  # fmt: skip
    made = await world.call("documents/consent", **body)
    return made, caller


async def consent(world: World, credential: str, phone: Signer, **changes: Any) -> tuple[str, dict[str, str]]:
    """Asked for and approved: its id, and the application."""
    made, caller = await ask_consent(world, credential, **changes)
    decided = await world.decide(phone, made)
    assert decided["consent"] == made["document"]
    return str(made["document"]), caller


@dataclass
class Application:
    """Sends factors for one certificate."""

    world: World
    credential: str
    caller: dict[str, str]
    algorithm: str = "ECDSA-SHA256"

    async def transport_key(self) -> P256Key:
        said = await self.world.call("transport")
        payload = statements.open_root_signed(
            said["statement"], "transport", self.world.roots, now=self.world.clock.now()
        )
        return P256Key.from_jwk(payload["key"])

    async def body(self, password: str, code: str, digests: list[bytes] | None, **changes: Any) -> dict[str, Any]:
        """Of ``explicit/open``; with no digests, for ``maximum`` signatures until ``until``."""
        secret = changes.pop("secret", None) or secrets.token_bytes(32)
        key = activation.activation_key(secret)
        purpose = Purpose(
            changes.pop("sealed_for", f"{self.caller['kind']}:{self.caller['id']}"),
            changes.pop("sealed_credential", self.credential),
            changes.pop("sealed_key", key),
        )
        sealed = explicit.seal(Factors(password, code), purpose, await self.transport_key())
        asked: dict[str, Any] = {
            "credential": self.credential, "caller": self.caller, "activation_key": b64u(key),
            "hash_algorithm": SIGN_ALGORITHMS[self.algorithm].hash_name, "sign_algorithm": self.algorithm,
            "factors": sealed, "secret": secret,
        }  # fmt: skip
        if digests is None:
            until = int(self.world.clock.now().timestamp()) + 3600
            asked |= {"until": until, "maximum": 5, "purpose": ""}
        else:
            asked |= {
                "hashes": [b64u(one) for one in digests],
                "documents": [{"label": f"receita {index}.pdf", "size": None} for index in range(len(digests))],
            }
        return {**asked, **changes}

    async def open(
        self, code: str, digests: list[bytes] | None = None, password: str = PASSWORD, **changes: Any
    ) -> tuple[dict[str, Any], Any]:
        """The answer, and a Request or a Session to sign with."""
        body = await self.body(password, code, digests, **changes)
        secret = body.pop("secret")
        answer = await self.world.call("explicit/open", **body)
        if digests is None:
            session = Session(answer["document"], None, secret, self.algorithm, self.caller, None)  # type: ignore[arg-type]
            session.activation = answer["activation"]
            return answer, session
        return answer, Request(answer["document"], None, secret, digests, self.algorithm, self.caller)  # type: ignore[arg-type]

    async def refused(
        self, code: str, digests: list[bytes] | None = None, password: str = PASSWORD, **changes: Any
    ) -> str:
        """The code of the error."""
        body = await self.body(password, code, [digest("a")] if digests is None else digests, **changes)
        body.pop("secret")
        return await self.world.refused("explicit/open", **body)


async def ready(world: World, **terms: Any) -> tuple[str, Signer, Codes, str, Application]:
    """Credential, phone, its codes, a consent, and its application."""
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    made = await generator(world, credential, phone)
    id_, caller = await consent(world, credential, phone, **terms)
    world.clock.advance(codes.PERIOD)
    return credential, phone, made, id_, Application(world, credential, caller)
