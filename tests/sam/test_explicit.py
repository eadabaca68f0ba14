"""Signing with factors that an application sends, whole: consent, generator, opening, signatures, ends."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

from foundation.encoding import b64u
from protocol import codes
from protocol.algorithms import SIGN_ALGORITHMS
from protocol.evidence import open_evidence
from tests.sam.explicit import Application, consent, generator, ready
from tests.sam.world import PASSWORD, Signer, World, digest, raw


async def use(world: World, session: Any, counter: int, digests: list[bytes]) -> list[bytes]:
    answer = await world.call("signatures/use", **session.body(counter, digests))
    return [raw(one) for one in answer["signatures"]]


def test_codes_are_those_of_the_standard() -> None:
    """RFC 6238, appendix B, the rows of SHA-256: the secret is the ASCII digits that its reference code uses."""
    secret = b"12345678901234567890123456789012"
    for seconds, code in ((59, "46119246"), (1111111109, "68084774"), (1111111111, "67062674"),
                          (1234567890, "91819424"), (2000000000, "90698825"), (20000000000, "77737706")):  # fmt: skip
        assert codes.code_at(secret, seconds // 30, digits=8) == code


def test_a_code_is_taken_once_and_only_forwards() -> None:
    """Steps before, now and after are taken; an accepted one, and every older one, never again; digits alone pass."""
    secret, now = bytes(range(32)), datetime(2026, 11, 23, 12, tzinfo=UTC)
    current = codes.step_of(now)
    for offset in (-1, 0, 1):
        code = codes.code_at(secret, current + offset)
        assert codes.accepted_step(secret, code, now, current - 2) == current + offset
        assert codes.accepted_step(secret, code, now, current + offset) is None
    for offset in (-2, 2):
        assert codes.accepted_step(secret, codes.code_at(secret, current + offset), now, 0) is None
    assert codes.split("Senha1234123456") == ("Senha1234", "123456")
    assert [codes.split(text) for text in ("123456", "", "Senha1234", "Senha١٢٣٤٥٦")] == [None] * 4


async def test_listed_hashes(explicit_world: World) -> None:
    """After a phone's consent an application signs exactly the hashes it listed, with password and code; the audit and
    the evidence say under which consent."""
    world = explicit_world
    credential, phone, made, id_, application = await ready(world)
    digests = [digest("a"), digest("b")]
    answer, request = await application.open(made.code(), digests)
    assert answer["maximum"] == 2
    signatures = await world.sign(request, answer["activation"])
    world.verify(await world.certificate(credential), request, signatures)
    assert await world.sign(request, answer["activation"]) == signatures
    request.digests = [digest("a"), digest("c")]
    code = await world.refused("signatures/sign", **request.call(answer["activation"]))
    assert code == "hashes_not_approved"
    state = await world.call("documents/state", document=answer["document"])
    assert (state["state"], state["activation"]) == ("approved", answer["activation"])
    history = (await world.call("documents/history", device=phone.id))["requests"]
    assert [(one["type"], one["consent"], one["decision"]) for one in history] == [
        ("sign", id_, None), ("consent", None, "approve"),
    ]  # fmt: skip
    lines = await world.sql("SELECT body FROM audit.lines ORDER BY seq")
    (opened,) = [json.loads(row["body"]) for row in lines if b'"explicit.opened"' in row["body"]]
    assert (opened["consent"], opened["document"], opened["count"]) == (id_, answer["document"], 2)
    told = await world.call("documents/evidence", document=answer["document"], device=phone.id)
    evidence = open_evidence(told["evidence"], world.roots, now=world.clock.now())
    assert evidence.consent is not None
    assert (evidence.consent.id, evidence.document.id) == (id_, answer["document"])
    assert evidence.signatures == signatures
    assert PASSWORD.encode() not in b"".join(row["body"] for row in lines)


async def test_until_a_time(explicit_world: World) -> None:
    """Without hashes: so many signatures until a time, within the consent; of both limits the narrower one holds."""
    world = explicit_world
    credential, phone, made, id_, application = await ready(world, maximum=3)
    answer, session = await application.open(made.code())
    assert answer["maximum"] == 3
    (one,) = await use(world, session, 1, [digest("a")])
    SIGN_ALGORITHMS["ECDSA-SHA256"].verify((await world.certificate(credential)).public_key(), one, digest("a"))  # type: ignore[arg-type]
    (listed,) = (await world.call("sessions/list", device=phone.id))["sessions"]
    assert (listed["activation"], listed["with_key"]) == (answer["activation"], False)
    second, other = await application.open(made.next(), [digest("x")])
    await world.sign(other, second["activation"])
    await use(world, session, 2, [digest("b")])
    assert await world.refused("signatures/use", **session.body(3, [digest("c")])) == "session_exhausted"
    assert await application.refused(made.next()) == "consent_unknown"
    (told,) = (await world.call("consents/list", device=phone.id))["consents"]
    assert (told["consent"], told["used"], told["maximum"]) == (id_, 3, 3)


async def test_wrong_is_wrong(explicit_world: World) -> None:
    """Nobody learns which factor was wrong; five wrong ones in a row end the consent, and climb no ladder. A code that
    served is refused as often as it comes, and counts only with a wrong password."""
    world = explicit_world
    credential, phone, made, id_, application = await ready(world)
    before = (await world.call("bindings/list", device=phone.id))["bindings"][0]["tries_left"]
    assert await application.refused(made.code(), password="Errada123") == "factors_wrong"
    assert await application.refused("000000") == "factors_wrong"
    assert await application.refused(made.code(-2)) == "factors_wrong"
    assert await application.refused(made.code(), password="curta") == "factors_wrong"
    await application.open(made.code(), [digest("a")])  # right ones forgive what was wrong before
    for _ in range(5):
        assert await application.refused(made.code()) == "factors_wrong"  # the code served
    assert await application.refused(made.code(), password="Errada123") == "factors_wrong"
    for _ in range(3):
        assert await application.refused("not a code") == "factors_wrong"
    assert len((await world.call("consents/list", device=phone.id))["consents"]) == 1
    assert await application.refused("not a code") == "factors_wrong"
    assert await application.refused(made.next()) == "consent_unknown"
    assert (await world.call("consents/list", device=phone.id))["consents"] == []
    assert (await world.events())[-1] == "consent.ended"
    after = (await world.call("bindings/list", device=phone.id))["bindings"][0]["tries_left"]
    assert before == after
    request = await world.ask(credential, algorithm="ECDSA-SHA256")  # the certificate goes on
    assert (await world.approve(phone, request))["state"] == "approved"
    assert id_ not in json.dumps(await world.call("consents/list", device=phone.id))


async def test_fifty_rivals_with_one_code(explicit_world: World) -> None:
    """Of any number of calls that bring one code at once, by whichever applications, one opens; and no consent ends by
    it."""
    world = explicit_world
    credential, phone, made, _, application = await ready(world)
    applications = [application]
    for _ in range(4):
        _, caller = await consent(world, credential, phone)
        applications.append(Application(world, credential, caller))
    code = made.next()
    bodies = [
        await one.body(PASSWORD, code, [digest(str(index))]) for index in range(10) for one in applications
    ]  # fmt: skip
    for body in bodies:
        body.pop("secret")
    results = await asyncio.gather(*(world.sam.api.calls()["explicit/open"](body) for body in bodies),
                                   return_exceptions=True)  # fmt: skip
    opened = [one for one in results if isinstance(one, dict)]
    assert len(opened) == 1
    codes_ = {getattr(one, "code", "") for one in results if not isinstance(one, dict)}
    assert codes_ <= {"factors_wrong", "stretching_full"}
    assert "factors_wrong" in codes_
    (row,) = await world.sql(
        "SELECT sum(used) AS used, count(*) FILTER (WHERE state = 'active') AS active FROM sam.consents"
    )
    assert (row["used"], row["active"]) == (1, 5)


async def test_right_ones_together_lock_nobody_out(explicit_world: World) -> None:
    """Ten right calls of two phones' codes at once: each code serves, whoever is first, and the consent goes on."""
    world = explicit_world
    credential, _, made, _, application = await ready(world)
    spare = await world.phone(credential)
    other = await generator(world, credential, spare)
    code = other.next()
    results = await asyncio.gather(application.open(made.code(), [digest("a")]), application.open(code, [digest("b")]))
    assert len({answer["activation"] for answer, _ in results}) == 2


async def test_everything_that_ends_it(explicit_world: World) -> None:
    """The holder's press, "Bloquear tudo", "not me", the phone's removal, revocation, an order, a new consent, time:
    from the next call on nothing opens, and what was open signs nothing."""
    for end in ("holder", "block", "unbound", "not_me", "revoked", "shut_out", "replaced", "time"):
        await _ended(explicit_world, end)


async def _ended(world: World, end: str) -> None:
    credential, phone, made, id_, application = await ready(world)
    spare = await world.phone(credential)
    _, session = await application.open(made.code())
    listed, request = await application.open(made.next(), [digest("a")])
    await use(world, session, 1, [digest("a")])
    match end:
        case "holder":
            await world.call("consents/end", consent=id_, device=spare.id)
            await world.call("consents/end", consent=id_, device=spare.id)
        case "block":
            await world.call("credentials/block", device=spare.id)
        case "unbound":
            await world.call("bindings/end", device=phone.id)
            made = await generator(world, credential, spare)
        case "not_me":
            asked = await world.ask(credential, algorithm="ECDSA-SHA256", caller=application.caller)
            refusal = phone.decision(asked.statement, word="refuse:not-me")
            await world.call("documents/decide", document=asked.id, device=phone.id, **refusal)
        case "revoked":
            hash_ = (await world.sql("SELECT certificate_hash FROM sam.credentials WHERE id = $1", credential))[0][0]
            await world.call("credentials/revoke", revocation=world.authority.revocation(b64u(hash_)))
        case "shut_out":
            world.clock.advance(1)
            await world.register(application.caller["id"], state="disabled")
        case "replaced":
            await consent(world, credential, phone, caller=application.caller)
        case _:
            world.clock.advance(86_400)
    code = await world.refused("signatures/use", **session.body(2, [digest("b")]))
    assert code in ("activation_expired", "caller_frozen", "credential_not_active", "credential_blocked")
    code = await world.refused("signatures/sign", **request.call(listed["activation"]))
    assert code in ("activation_expired", "caller_frozen", "credential_not_active", "credential_blocked")
    if end != "replaced":
        code = await application.refused(made.next())
        assert code in ("consent_unknown", "caller_frozen", "credential_not_active", "credential_blocked")
        standing = await world.call("consents/standing", credential=credential, caller=application.caller)
        assert standing == {"active": False}


async def test_a_lost_answer(explicit_world: World) -> None:
    """A phone that did not hear its generator repeats the same decision and gets the same secret; another key gets
    none, and a new generator ends the old one."""
    world = explicit_world
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    made = await world.call(
        "documents/generator", device=phone.id, credential=credential, delivery_key=phone.public.jwk
    )
    body = phone.decision(world.open(made["statement"]))
    first, again = [
        await world.call("documents/decide", document=made["document"], device=phone.id, **body) for _ in range(2)
    ]
    assert first["generator"]["id"] == again["generator"]["id"]
    new = await generator(world, credential, phone)
    rows = await world.sql("SELECT id, state, kept FROM sam.generators ORDER BY created_at, id")
    assert {(row["id"], row["state"], row["kept"] == b"") for row in rows} == {
        (first["generator"]["id"], "ended", True), (new.id, "active", False),
    }  # fmt: skip
    third = await world.call("documents/decide", document=made["document"], device=phone.id, **body)
    assert "generator" not in third
    wrong = await world.call(
        "documents/generator", device=phone.id, credential=credential, delivery_key=phone.public.jwk
    )
    statement = world.open(wrong["statement"])
    code = await world.refused("documents/decide", document=wrong["document"], device=phone.id,
                               **phone.decision(statement, "Errada123"))  # fmt: skip
    assert code == "password_wrong"
    assert await world.refused(
        "documents/generator", device=Signer().id, credential=credential, delivery_key=phone.public.jwk
    ) == "binding_unknown"  # fmt: skip


async def test_terms_and_callers(explicit_world: World) -> None:
    """The limits are the operator's; a computer gets no consent."""
    credential = await explicit_world.credential("P-256")
    phone = await explicit_world.phone(credential)
    now = int(explicit_world.clock.now().timestamp())
    body = {"credential": credential, "caller": await explicit_world.register(), "purpose": ""}
    for until, maximum in ((now + 59, 1), (now + 30 * 86_400 + 1, 1), (now + 3600, 0), (now + 3600, 1001)):
        assert await explicit_world.refused("documents/consent", **body, until=until, maximum=maximum) == (
            "consent_refused"
        )
    computer = await explicit_world.computer(credential, phone)
    code = await explicit_world.refused(
        "documents/consent", **{**body, "caller": computer}, until=now + 3600, maximum=1
    )
    assert code == "consent_refused"
