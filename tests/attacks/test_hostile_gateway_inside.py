"""Attacker 4 of docs/threats.md, on the inside: the gateway's database role and the private sockets of SAM and AC.

He reads everything that passes, so he also has what the victim's programs sent: proofs, decisions, activation secrets.
He calls SAM and AC with anything. What he must not get: a signature over anything that Maria did not approve.
"""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from demo.stack import Stack
from demo.world import World
from foundation.encoding import b64u
from foundation.errors import LinkIdError
from foundation.ids import new_id
from protocol.activation import activation_key
from protocol.keys import P256Key
from protocol.statements import Statement, open_statement
from sandbox_phone.domain import decision as decisions
from sandbox_phone.domain import keys as phone_keys
from sandbox_phone.domain.statement import Statement as PhoneStatement
from tests.attacks.hostile import HostileGateway, Inside, joined, parts, signed_by
from tests.sam.world import Signer, raw

pytestmark = pytest.mark.asyncio(loop_scope="session")

EVIL = hashlib.sha256(b"something the holder never saw").digest()
ALGORITHMS = {"hash_algorithm": "SHA-256", "sign_algorithm": "RSA-PKCS1-SHA256"}


class Attack:
    """What he has, in one place."""

    def __init__(self, maria: World, inside: Inside, caller: dict[str, str]) -> None:
        self.maria, self.inside, self.thief = maria, inside, Signer()
        roots = phone_roots(maria)
        self.roots = {key.jkt: key for key in roots}
        self.caller = caller
        self.asked: list[Asked] = []
        self.device = str(maria.phone.device)

    async def ask(self, *digests: bytes, **changes: Any) -> "Asked":
        """A request of his own making; he keeps its secret."""
        secret = secrets.token_bytes(32)
        body = {
            "credential": self.maria.credential, "caller": self.caller, "hashes": [b64u(one) for one in digests],
            "documents": [{"label": "contrato.pdf", "size": 1} for _ in digests], **ALGORITHMS,
            "activation_key": b64u(activation_key(secret)), **changes,
        }  # fmt: skip
        made = await self.inside.call("sam", "documents/sign", **body)
        self.asked.append(Asked(made["document"], made["statement"], secret, list(digests), dict(body["caller"])))
        return self.asked[-1]

    def open(self, statement: Any) -> Statement:
        from foundation.clock import SystemClock

        return open_statement(statement, self.roots, now=SystemClock().now())

    def read(self, asked: "Asked") -> PhoneStatement:
        """As Maria's phone reads it."""
        return self.maria.phone.read(asked.statement, "sign", id=asked.id)

    async def marias(self, asked: "Asked", word: str = "approve") -> dict[str, Any]:
        """The decision that Maria's phone would send: her key, her password."""
        password = self.maria.holder.password if word == "approve" else None
        return await asyncio.to_thread(
            decisions.decide, self.maria.phone._key, self.read(asked), word, password=password
        )

    async def decide(self, asked: "Asked", body: dict[str, Any], device: str | None = None) -> Any:
        return await self.inside.call(
            "sam", "documents/decide", document=asked.id, device=device or self.device, **body
        )

    async def refused(self, asked: "Asked", body: dict[str, Any], device: str | None = None) -> str:
        """The code; and the request still waits, so nothing was opened by it."""
        code = await self.inside.refused(
            "sam", "documents/decide", document=asked.id, device=device or self.device, **body
        )
        assert (await self.inside.call("sam", "documents/state", document=asked.id))["state"] == "waiting"
        return code

    async def withdraw(self, *asked: "Asked") -> None:
        for one in asked:
            await self.inside.call("sam", "documents/withdraw", document=one.id)


class Asked:
    """A request, and the secret that its answer opens with."""

    def __init__(self, id_: str, statement: str, secret: bytes, digests: list[bytes], caller: dict[str, str]) -> None:
        self.id, self.statement, self.secret, self.digests, self.caller = id_, statement, secret, digests, caller

    def call(self, opened: str, **changes: Any) -> dict[str, Any]:
        """The body of signatures/sign."""
        caller = {name: self.caller[name] for name in ("kind", "id")}
        return {"activation": opened, "secret": b64u(self.secret), "hashes": [b64u(one) for one in self.digests],
                **ALGORITHMS, "caller": caller, **changes}  # fmt: skip


def phone_roots(maria: World) -> list[P256Key]:
    """The SAM's roots, as the app has them."""
    return [P256Key.from_public(key) for key in maria.phone.trust.sam.values()]


@pytest_asyncio.fixture(loop_scope="session")
async def attack(maria: World, inside: Inside) -> AsyncIterator[Attack]:
    made = Attack(maria, inside, await inside.integrator())
    yield made
    await made.withdraw(*made.asked)  # what he leaves waiting would stand in the way of whoever asks next


# --- the database role -----------------------------------------------------------------------------------------------


async def test_the_gateways_role_reaches_nothing_that_consent_rests_on(stack: Stack, maria: World) -> None:
    """No table of SAM and AC can be read, written or emptied; no other's audit chain; no other role taken."""
    connection = await asyncpg.connect(stack.settings.dsn("gateway"))
    try:
        tables = await connection.fetch(
            "SELECT n.nspname AS s, c.relname AS t FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname IN ('sam', 'ac') AND c.relkind = 'r'"
        )
        assert len(tables) >= 15
        attempts = [
            statement.format(f"{row['s']}.{row['t']}")
            for row in tables
            for statement in ("SELECT * FROM {}", "DELETE FROM {}", "TRUNCATE {}", "INSERT INTO {} DEFAULT VALUES",
                              "DO $$BEGIN LOCK TABLE {}; END$$", "ALTER TABLE {} DISABLE TRIGGER ALL", "DROP TABLE {}")
        ]  # fmt: skip
        attempts += [
            "SET ROLE linkid_sam", "SET ROLE linkid_owner", "SET SESSION AUTHORIZATION linkid_sam",
            "GRANT linkid_sam TO linkid_gateway", "ALTER ROLE linkid_gateway SUPERUSER",
            "CREATE SCHEMA mine", "CREATE TABLE sam.mine ()", "CREATE TABLE public.mine ()",
            "CREATE FUNCTION public.f() RETURNS int AS 'SELECT 1' LANGUAGE sql",
            "COPY (SELECT 1) TO PROGRAM 'id'", "SELECT pg_read_file('/etc/passwd')", "SELECT * FROM pg_authid",
            "SELECT audit.lock_head('sam-0')", "DELETE FROM audit.lines", "UPDATE audit.lines SET at = now()",
            "UPDATE audit.heads SET seq = 0",
            "INSERT INTO audit.lines SELECT 'sam-0', 999999, now(), '{}', sha256('')",
        ]  # fmt: skip
        for statement in attempts:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
        facts = await connection.fetchrow("SELECT * FROM sam.credential_facts WHERE id = $1", maria.credential)
        assert facts is not None
        assert not {"bound", "mac", "salt", "request"} & set(facts.keys())
    finally:
        await connection.close()


# --- decisions -------------------------------------------------------------------------------------------------------


async def test_nobody_but_a_bound_phone_decides(attack: Attack) -> None:
    """His key under Maria's device, under one of his own, with the right password even: no."""
    asked = await attack.ask(EVIL)
    statement = attack.open(asked.statement)
    right = attack.maria.holder.password
    for device in (attack.device, attack.thief.id):
        for password in (right, "Chutando1", None):
            body = attack.thief.decision(statement, password)
            mine = "decision_invalid" if device == attack.device else "document_unknown"
            assert await attack.refused(asked, body, device) == mine
    await attack.withdraw(asked)


async def test_what_was_captured_serves_nothing_else(attack: Attack, hostile: HostileGateway, maria: World) -> None:
    """Maria approves a request of her own computer; decision, proof and signature, sent again for his: no."""
    ask = await maria.computer.ask(maria.credential)
    await maria.phone.approve(await maria.phone.fetch(ask.request), maria.holder.password)
    captured: dict[str, Any] = hostile.bodies(f"{ask.request}/decision")[-1]
    assert captured["decision"] == "approve"
    asked = await attack.ask(EVIL)
    statement = attack.open(asked.statement)
    his = attack.thief.decision(statement, "Chutando1")
    assert await attack.refused(asked, captured) == "decision_invalid"
    assert await attack.refused(asked, {**his, "proof": captured["proof"]}) == "decision_invalid"
    assert await attack.refused(asked, {**captured, "proof": his["proof"]}) == "decision_invalid"
    # Even signed by Maria's own phone for this very request, the proof of the other one is not for it:
    marias = await attack.marias(asked)
    from sandbox_phone.domain.decision import message

    signature = b64u(
        phone_keys.sign(maria.phone._key, message(attack.read(asked).document, "approve", captured["proof"]))
    )
    assert (
        await attack.refused(asked, {**marias, "proof": captured["proof"], "signature": signature}) == "proof_invalid"
    )
    await attack.withdraw(asked)
    (signature_,) = await maria.computer.sign(maria.credential, await maria.computer.sad(ask), ask.hashes)
    maria.verify(ask.hashes[0], signature_)


async def test_a_no_is_not_made_a_yes_and_a_withdrawal_is_the_end(attack: Attack) -> None:
    """The word is under the signature; a request that was taken back is decided no more, nor stated again."""
    asked = await attack.ask(EVIL)
    no, yes = await attack.marias(asked, "refuse:wrong-content"), await attack.marias(asked)
    assert await attack.refused(asked, {**no, "decision": "approve"}) in ("decision_invalid", "proof_invalid")
    assert await attack.refused(asked, {**no, "decision": "approve", "proof": yes["proof"]}) == "decision_invalid"
    await attack.withdraw(asked)
    code = await attack.inside.refused("sam", "documents/decide", document=asked.id, device=attack.device, **yes)
    assert code == "document_decided"
    code = await attack.inside.refused("sam", "documents/statement", document=asked.id, device=attack.device)
    assert code == "document_decided"


async def test_fifty_decisions_at_once(attack: Attack) -> None:
    """Fifty yeses and fifty noes, all genuine, at the same moment: one outcome, and at most one activation."""
    asked = await attack.ask(EVIL)
    bodies = [await attack.marias(asked), await attack.marias(asked, "refuse:changed-mind")]
    answers = await asyncio.gather(
        *(attack.decide(asked, bodies[index % 2]) for index in range(100)), return_exceptions=True
    )
    good = [answer for answer in answers if isinstance(answer, dict)]
    assert len({str(sorted(answer.items())) for answer in good}) == 1
    bad = {answer.code for answer in answers if isinstance(answer, LinkIdError)}
    assert bad <= {"document_decided"}
    assert len(good) + sum(isinstance(answer, LinkIdError) for answer in answers) == 100


# --- signatures ------------------------------------------------------------------------------------------------------


async def test_an_approval_signs_what_was_approved_and_nothing_else(attack: Attack, maria: World) -> None:
    """He has the activation secret too. Other hashes, more of them, another algorithm, caller or secret: no."""
    one, two = secrets.token_bytes(32), secrets.token_bytes(32)
    asked = await attack.ask(one, two)
    activation = (await attack.decide(asked, await attack.marias(asked)))["activation"]
    other = await attack.ask(EVIL)
    coded = [b64u(digest) for digest in (one, two)]
    wrong: list[dict[str, Any]] = [
        {"hashes": [b64u(EVIL), coded[1]]}, {"hashes": coded[:1]}, {"hashes": [*coded, coded[0]]},
        {"hashes": [coded[0]] * 2}, {"hashes": [*coded, b64u(EVIL)]}, {"hashes": []},
        {"hash_algorithm": "SHA-512", "sign_algorithm": "RSA-PKCS1-SHA512"}, {"sign_algorithm": "RSA-PSS-SHA256"},
        {"caller": {"kind": "computer", "id": maria.computer.id}},
        {"caller": {"kind": "integrator", "id": new_id("cli")}},
        {"secret": b64u(bytes(32))}, {"secret": b64u(other.secret)}, {"activation": new_id("act")},
    ]  # fmt: skip
    for change in wrong:
        code = await attack.inside.refused("sam", "signatures/sign", **asked.call(activation, **change))
        assert code in ("hashes_not_approved", "activation_unknown", "seal_broken", "algorithm_refused"), change
    # his own request, with Maria's activation: its secret and hashes are not what was approved
    code = await attack.inside.refused("sam", "signatures/sign", **other.call(activation))
    assert code in ("hashes_not_approved", "seal_broken")
    calls = [attack.inside.call("sam", "signatures/sign", **asked.call(activation)) for _ in range(50)]
    answers = {tuple(answer["signatures"]) for answer in await asyncio.gather(*calls)}
    assert len(answers) == 1
    for digest, signature in zip((one, two), answers.pop(), strict=True):
        maria.verify(digest, raw(signature))
    await attack.withdraw(other)


async def test_in_the_computers_name(attack: Attack, maria: World) -> None:
    """What he asks as Maria's computer he cannot sign; a computer of his own, which no phone allowed, asks nothing."""
    computer = {"id": new_id("cmp"), "name": "Notebook da Maria", "os": "Linux", "key": attack.thief.public.jwk,
                "address": "192.0.2.1"}  # fmt: skip
    made = await attack.inside.call("sam", "documents/associate", device=attack.device, credentials=[maria.credential],
                                    computer=computer)  # fmt: skip
    for device, refusal in ((attack.device, "decision_invalid"), (attack.thief.id, "document_unknown")):
        body = attack.thief.decision(attack.open(made["statement"]), None)
        code = await attack.inside.refused("sam", "documents/decide", document=made["document"], device=device, **body)
        assert code == refusal
    await attack.inside.call("sam", "documents/withdraw", document=made["document"])
    code = await attack.inside.refused("sam", "documents/associate", device=attack.thief.id,
                                       credentials=[maria.credential], computer=computer)  # fmt: skip
    assert code == "credential_unknown"
    caller = {"kind": "computer", "id": computer["id"]}
    with pytest.raises(LinkIdError) as caught:
        await attack.ask(EVIL, caller=caller)
    assert caught.value.code == "caller_not_associated"


# --- a device of his own ---------------------------------------------------------------------------------------------


async def test_a_phone_of_his_own(attack: Attack, maria: World) -> None:
    """Without the password no binding; Maria's pairing cannot be finished with his key; her bindings are not his."""
    made = await attack.inside.call("sam", "documents/pair", device=attack.thief.id, device_key=attack.thief.public.jwk,
                                    nickname="iPhone da Maria", credential=maria.credential)  # fmt: skip
    statement = attack.open(made["statement"])
    for body, code in (
        (attack.thief.decision(statement, None), "proof_invalid"),
        (attack.thief.decision(statement, "Chutando1"), "password_wrong"),
        (Signer().decision(statement, maria.holder.password), "decision_invalid"),
    ):
        assert code == await attack.inside.refused(
            "sam", "documents/decide", document=made["document"], device=attack.thief.id, **body
        )
    # a proof that Maria made for pairing a phone of hers is not for his
    hers = Signer()
    other = await attack.inside.call("sam", "documents/pair", device=hers.id, device_key=hers.public.jwk, nickname="x",
                                     credential=maria.credential)  # fmt: skip
    genuine = hers.decision(attack.open(other["statement"]), maria.holder.password)
    resigned = attack.thief.decision(statement, None)
    for stolen in (genuine, {**resigned, "proof": genuine["proof"]}):
        code = await attack.inside.refused(
            "sam", "documents/decide", document=made["document"], device=attack.thief.id, **stolen
        )
        assert code == "decision_invalid"
    assert (await attack.inside.call("sam", "bindings/list", device=attack.thief.id))["bindings"] == []
    bound = (await attack.inside.call("sam", "bindings/list", device=attack.device))["bindings"]
    assert await attack.inside.refused("sam", "documents/test", binding=bound[0]["binding"]) == "binding_unknown"
    items = (await attack.inside.call("sam", "documents/waiting", device=attack.thief.id))["items"]
    assert {item["document"] for item in items} <= {made["document"]}


# --- certificates ----------------------------------------------------------------------------------------------------


async def test_certificates_are_the_authoritys_word(attack: Attack, maria: World, stack: Stack) -> None:
    """A chain of his own for her key, somebody's chain for it, a revocation by another key: refused."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    from tests.sam.world import Authority

    his = Authority()
    spki = maria.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    leaf = b64u(maria.certificate.public_bytes(Encoding.DER))
    for chain in (his.chain(spki), [leaf], [leaf, *his.chain(spki)[1:]], []):
        code = await attack.inside.refused("sam", "credentials/activate", credential=maria.credential, chain=chain)
        assert code == "certificate_refused"
    name = b64u(hashlib.sha256(maria.certificate.public_bytes(Encoding.DER)).digest())
    revocation = his.revocation(name)
    header, payload, tail = parts(revocation)
    sam_root, ac_root = phone_roots(maria)[0], next(iter(maria.phone.trust.ac))
    for lie in (
        revocation,
        joined({**header, "kid": ac_root}, payload, tail),
        signed_by(his.statement_key, {**header, "kid": ac_root}, payload),
        signed_by(his.statement_key, {**header, "kid": sam_root.jkt}, payload),
    ):
        assert await attack.inside.refused("sam", "credentials/revoke", revocation=lie) == "signature_invalid"
    assert (await maria.signed())[0]
