"""Attacker 4 of docs/threats.md wants a certificate in somebody else's name, whose usage password he knows.

Ana visits the emission page of a real Link ID, whose gateway is his. He sees her protocol number, her CPF is no secret,
and he talks to AC and SAM himself. He also has an order of his own, in his own name.
"""

from typing import Any

import pytest

from demo.stack import Stack
from demo.world import Holder, World
from foundation.channel import PrivateClient
from foundation.clock import SystemClock
from foundation.ids import new_id
from protocol.keys import P256Key
from protocol.orders import sign_order
from protocol.statements import open_statement
from sandbox_phone.emission import SandboxEmission
from sandbox_phone.errors import GatewayRefused
from tests.attacks.hostile import HostileGateway, Inside, joined, parts, signed_by
from tests.issuance.people import Visitor
from tests.sam.world import Signer

pytestmark = pytest.mark.asyncio(loop_scope="session")

ANA = Holder(name="Ana Lima", cpf="11144477735", number="+5531988887777", password="Vento9Lagoa3", key="P-256")
THIEF = Holder(name="Ladrao Esperto", cpf="39053344705", number="+5531977776666", password="Gru7aescura9", key="P-256")


async def issued(superuser: Any) -> int:
    """Certificates there are."""
    rows = await superuser("SELECT count(*) AS n FROM ac.certificates WHERE state = 'issued'")
    return int(rows[0]["n"])


async def test_a_certificate_in_anas_name(
    stack: Stack, maria: World, hostile: HostileGateway, inside: Inside, superuser: Any
) -> None:
    """His password or his key behind her visit, her answers in his, his possession for her order: no certificate."""
    before = await issued(superuser)
    ac_root = P256Key.from_public(next(iter(maria.phone.trust.ac.values())))
    sam_roots = {key.jkt: key for key in map(P256Key.from_public, maria.phone.trust.sam.values())}
    hers, his = await stack.new_request(**ANA.order), await stack.new_request(**THIEF.order)

    async def possession(emission: str, signer: Signer) -> str:
        """What the SAM says about a key that it made for him, with his password around it."""
        made = await inside.call("sam", "emission/prepare", emission=emission, key=signer.public.jkt,
                                 key_algorithm="P-256")  # fmt: skip
        statement = open_statement(made["statement"], sam_roots, now=SystemClock().now())
        body = signer.decision(statement, THIEF.password)
        answer = await inside.call("sam", "emission/keys", document=made["document"], key_jwk=signer.public.jwk, **body)
        return str(answer["possession"])

    async with PrivateClient(stack.settings.ac_address) as ac, SandboxEmission(maria.phone.trust) as page:
        # 1. A visit of his own to her order: he has not her installation password, and nobody took a term from him.
        visitor = Visitor(ac, ac_root)
        await visitor.start(SystemClock().now(), hers["protocol"])
        body = visitor.answer("Chutando11", ANA.cpf)
        assert await inside.refused("ac", "emission/identify", **body) == "emission_refused"
        own = await possession(visitor.emission, Signer(visitor.key))
        assert await inside.refused("ac", "emission/issue", emission=visitor.emission, possession=own) == (
            "emission_out_of_order"
        )
        # 2. Ana identifies. Her answer is not one to his visit, and his visit's is not one to hers.
        term = await page.identify(
            await page.start(hers["protocol"]), cpf=ANA.cpf, install_password=hers["install_password"]
        )
        captured: dict[str, Any] = hostile.bodies("/identify")[-1]
        for lie in ({**captured, "emission": visitor.emission}, {**body, "proof": captured["proof"]}):
            assert await inside.refused("ac", "emission/identify", **lie) == "decision_invalid"
        assert await inside.refused("ac", "emission/identify", **{**body, "emission": page._emission}) == (
            "decision_invalid"
        )
        # 3. She agrees to the term; he keeps that, agrees in her name, and lets the SAM make a key for himself.
        with hostile.answering("/agree", 503, {"code": "unavailable", "message": "…"}), pytest.raises(GatewayRefused):
            await page.agree(term)
        agreement: dict[str, Any] = hostile.bodies("/agree")[-1]
        emission = str(page._emission)
        agreed = {"emission": emission, "decision": "approve", "signature": agreement["signature"]}
        assert await inside.call("ac", "emission/agree", **agreed) == {"key_algorithm": "P-256"}
        thief = Signer()
        for wrong in (
            await possession(emission, thief),  # for her emission, by his key
            await possession(new_id("ems"), thief),  # for another emission
            own,
        ):
            code = await inside.refused("ac", "emission/issue", emission=emission, possession=wrong)
            assert code == "possession_invalid"
        # 4. His words under the SAM's name, and the AC's own decisions under a possession's.
        genuine = await possession(new_id("ems"), thief)
        header, payload, tail = parts(genuine)
        changed = {**payload, "emission": emission, "key": page.jkt}
        taken = {**changed, "document_hash": term.hash, "signature": agreement["signature"]}
        for forged in (
            joined(header, changed, tail), signed_by(thief.key, header, changed), signed_by(thief.key, header, taken),
            signed_by(thief.key, {**header, "kid": thief.public.jkt}, taken),
        ):  # fmt: skip
            code = await inside.refused("ac", "emission/issue", emission=emission, possession=forged)
            assert code == "possession_invalid"
    assert await issued(superuser) == before
    # 5. What is left to him is his own certificate, in his own name, on his own order.
    async with SandboxEmission(maria.phone.trust) as page:
        answer = await page.emit(protocol=his["protocol"], cpf=THIEF.cpf, install_password=his["install_password"],
                                 usage_password=THIEF.password)  # fmt: skip
    assert answer["certificate"]["subject"].startswith(THIEF.name.upper())
    assert await issued(superuser) == before + 1


async def test_orders_are_an_operators(inside: Inside) -> None:
    """An order of his own making, in anybody's name, is not taken; nor a revocation."""
    key = Signer()
    order: dict[str, Any] = {
        "v": 1, "type": "issue", "id": new_id("ord"), "created": int(SystemClock().now().timestamp()),
        "protocol": "1234567890", "profile": "e-cpf-a3", "key_algorithm": "P-256", "company": None, "valid_days": 30,
        "person": {"name": "Maria da Silva", "cpf": "52998224725", "birth": "31121979", "email": "m@example.com",
                   "phone": "+5531999998888"},
        "install": {"salt": "A" * 22, "argon2": {"m": 19456, "t": 2, "p": 1}, "verifier": "e30..A.A.A"},
    }  # fmt: skip
    assert await inside.refused("ac", "orders/submit", order=sign_order(order, key.key)) == "order_invalid"
    revoke: dict[str, Any] = {
        "v": 1, "type": "revoke", "id": new_id("ord"), "created": order["created"], "protocol": "1234567890",
        "reason": "keyCompromise",
    }  # fmt: skip
    assert await inside.refused("ac", "certificates/revoke", order=sign_order(revoke, key.key)) == "order_invalid"
