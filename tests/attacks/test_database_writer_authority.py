"""Attacker 2 of docs/threats.md at the certificate authority: rewrites rows of ``ac``, and visits the emission page.

He is a visitor with a key of his own and an order of his own, with its protocol number and installation password. What
he must not get: a certificate in somebody else's name, or more guesses at somebody else's installation password.
"""

from collections import Counter
from typing import Any

import asyncpg
import pytest

from foundation.encoding import canonical_json
from foundation.errors import LinkIdError
from protocol.decisions import message
from protocol.documents import Document
from protocol.keys import sign_raw
from tests.issuance.conftest import World, ac_root_key, ac_slot, clock, settings, short_folder, world
from tests.issuance.people import PROTOCOL, Visitor

__all__ = ["ac_root_key", "ac_slot", "clock", "settings", "short_folder", "world"]

HIS_PROTOCOL, HIS_PASSWORD, HIS_CPF = "1000000042", "DoLadrao99", "11144477735"


async def sql(world: World, *statements: str, **named: Any) -> list[Any]:
    """As the superuser, past triggers and foreign keys."""
    connection = await asyncpg.connect(world.database.dsn())
    try:
        await connection.execute("SET session_replication_role = replica")
        rows: list[Any] = []
        for statement in statements:
            for name, value in named.items():
                statement = statement.replace(f":{name}", f"'{value}'")
            rows = await connection.fetch(statement)
        return rows
    finally:
        await connection.close()


async def two_orders(world: World) -> None:
    """Maria's and his."""
    await world.operator.place(world.now)
    await world.operator.place(
        world.now, protocol=HIS_PROTOCOL, install_password=HIS_PASSWORD, person={"name": "Ladrão", "cpf": HIS_CPF}
    )


async def refused(work: Any) -> str:
    with pytest.raises(LinkIdError) as caught:
        await work
    return caught.value.code


async def identified(world: World) -> Visitor:
    """He himself, as himself."""
    visitor = world.visitor()
    await visitor.start(world.now, HIS_PROTOCOL)
    await visitor.identify(world.now, HIS_PASSWORD, HIS_CPF)
    return visitor


MORE_GUESSES = {
    "the count deleted": "DELETE FROM ac.tries",
    "the count at zero": "UPDATE ac.tries SET used = 0, locked_until = NULL",
    "another number in the visit": "UPDATE ac.emissions SET protocol = lpad((random() * 1e9)::bigint::text, 10, '1')",
    "another number in visit and order": (
        "UPDATE ac.orders SET protocol = lpad((random() * 1e9)::bigint::text, 10, '1') WHERE protocol IS NOT NULL;"
        "UPDATE ac.emissions e SET protocol = o.protocol FROM ac.orders o WHERE o.id = e.order_id"
    ),
    "his visit pointed at her order": (
        "UPDATE ac.emissions SET order_id = (SELECT id FROM ac.orders WHERE protocol = :hers)"
    ),
}


@pytest.mark.parametrize("attack", MORE_GUESSES)
async def test_guesses_stay_counted(world: World, attack: str) -> None:
    """Whatever he does to the rows between guesses: at most twenty an hour reach the installation password."""
    await two_orders(world)
    visitor = world.visitor()
    await visitor.start(world.now, HIS_PROTOCOL if "his visit" in attack else PROTOCOL)
    outcomes: Counter[str] = Counter()
    body = visitor.answer("Errada1234")
    for _ in range(23):
        await sql(world, *MORE_GUESSES[attack].split(";"), hers=PROTOCOL)
        outcomes[await refused(world.client.call("emission/identify", body))] += 1
    assert outcomes["emission_refused"] <= 20, outcomes
    assert set(outcomes) <= {"emission_refused", "emission_locked", "emission_unknown"}


async def test_identified_as_himself_certified_as_her(world: World) -> None:
    """Identified with his own password, then his visit turned to her order, with her term, at each point on the way."""
    await two_orders(world)
    maria = world.visitor()
    await maria.start(world.now)
    await maria.identify(world.now)
    hers = "(SELECT id FROM ac.orders WHERE protocol = :hers)"
    term = "(SELECT term FROM ac.emissions WHERE id = :visit)"
    for changes in (
        f"order_id = {hers}",
        f"order_id = {hers}, protocol = :hers",
        f"order_id = {hers}, protocol = :hers, term = {term}",
        f"order_id = {hers}, protocol = :hers, identified_mac = "
        "(SELECT identified_mac FROM ac.emissions WHERE id = :visit)",
    ):
        visitor = await identified(world)
        await sql(world, f"UPDATE ac.emissions SET {changes} WHERE id = :his", hers=PROTOCOL, visit=maria.emission,
                  his=visitor.emission)  # fmt: skip
        with pytest.raises(LinkIdError):
            await visitor.agree()
            await visitor.issue(world.sam.possession(visitor, world.now))
    assert await sql(world, "SELECT * FROM ac.certificates WHERE state = 'issued'") == []


async def test_a_term_of_his_own_writing(world: World) -> None:
    """He writes it all himself: a visit identified and agreed for her order, with a term about her that names his visit
    and his key, signed by it, and her MAC or his own. Only the HSM could have said that her password was proved there.
    """
    await two_orders(world)
    maria = world.visitor()
    await maria.start(world.now)
    await maria.identify(world.now)
    assert maria.term is not None
    for mac in ("(SELECT identified_mac FROM ac.emissions WHERE id = :visit)", "identified_mac"):
        thief = await identified(world)
        members = {**maria.term.document.members, "emission": thief.emission, "key": thief.public.jkt}
        term = Document.parse(canonical_json(members))
        agreement = sign_raw(thief.key, message(term.digest, "approve", None))
        changes = (
            "state = 'agreed', protocol = :hers, order_id = (SELECT id FROM ac.orders WHERE protocol = :hers), "
            f"term = '\\x{term.data.hex()}', agreement = '\\x{agreement.hex()}', identified_mac = {mac}"
        )
        await sql(world, f"UPDATE ac.emissions SET {changes} WHERE id = :his", hers=PROTOCOL, visit=maria.emission,
                  his=thief.emission)  # fmt: skip
        assert await refused(thief.issue(world.sam.possession(thief, world.now))) == "emission_out_of_order"
    assert await sql(world, "SELECT * FROM ac.certificates WHERE state = 'issued'") == []


async def test_her_visit_taken_over(world: World) -> None:
    """Maria identified and agreed; he puts his key, and a possession made with it, into her visit."""
    await two_orders(world)
    maria, thief = world.visitor(), world.visitor()
    await maria.up_to_agreement(world.now)
    thief.emission, thief.term = maria.emission, maria.term
    assert maria.term is not None
    code = await refused(thief.issue(world.sam.possession(thief, world.now)))
    assert code == "possession_invalid"
    await sql(
        world, f"UPDATE ac.emissions SET key_x = '\\x{thief.public.x.hex()}', key_y = '\\x{thief.public.y.hex()}'"
    )
    assert await refused(thief.issue(world.sam.possession(thief, world.now))) == "emission_out_of_order"
    await sql(
        world, f"UPDATE ac.emissions SET key_x = '\\x{maria.public.x.hex()}', key_y = '\\x{maria.public.y.hex()}'"
    )
    assert len(await maria.issue(world.sam.possession(maria, world.now))) == 3


async def test_an_order_of_his_own_making(world: World) -> None:
    """Rows of orders are only as good as an operator's signature in them."""
    await two_orders(world)
    hers = (await sql(world, "SELECT jws FROM ac.orders WHERE protocol = :hers", hers=PROTOCOL))[0]["jws"]
    visitor = await identified(world)
    await visitor.agree()
    head, body, tail = hers.split(".")
    key = world.visitor().key
    for forged in (
        f"{head}.{body}.{hers.split('.')[2][::-1]}",
        f"{head}.{body[:-4]}AAAA.{tail}",
        f"{head}.{body}.{sign_raw(key, f'{head}.{body}'.encode()).hex()}",
        hers,
    ):
        await sql(world, "UPDATE ac.orders SET jws = :jws WHERE protocol = :his", jws=forged, his=HIS_PROTOCOL)
        code = await refused(visitor.issue(world.sam.possession(visitor, world.now)))
        assert code in ("order_invalid", "emission_out_of_order")


async def test_a_certificate_that_lives_longer(world: World) -> None:
    """An intention written into the rows, with a hundred years in it, is not completed: the order's days count."""
    await world.operator.place(world.now, valid_days=30)
    visitor, key = world.visitor(), world.sam.new_key()
    await visitor.up_to_agreement(world.now)
    possession = world.sam.possession(visitor, world.now, key)
    certificate, *_ = await visitor.issue(possession)
    await sql(
        world, "UPDATE ac.certificates SET state = 'intended', der = NULL, fingerprint = NULL, issued_at = NULL,"
        " not_after = not_after + interval '100 years'", "UPDATE ac.emissions SET state = 'agreed'",
    )  # fmt: skip
    assert await refused(visitor.issue(possession)) == "key_seen_before"  # he may break her visit, not more
    assert [row["serial"] for row in await sql(world, "SELECT serial FROM ac.certificates WHERE der IS NOT NULL")] == []
    await sql(world, "UPDATE ac.certificates SET state = 'intended', not_after = not_after - interval '100 years'")
    (again, *_) = await visitor.issue(possession)  # as after a crash: the same certificate
    assert (again.serial_number, again.not_valid_after_utc) == (
        certificate.serial_number,
        certificate.not_valid_after_utc,
    )
