"""A certificate that the AC revoked never becomes active, whichever the SAM hears of first."""

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from foundation.encoding import b64u
from foundation.errors import LinkIdError
from hsm_service.hsm.facade import Hsm
from tests.sam.world import PASSWORD, Authority, Signer, World, open_world, raw

Issued = tuple[str, list[str], str]
"""A credential that waits for its certificate, the chain that the AC issued, and what names its first certificate."""


async def issued(world: World) -> Issued:
    possession = await world.bound_key("P-256")
    chain = world.authority.chain(raw(possession["spki"]))
    return str(possession["credential"]), chain, b64u(hashlib.sha256(raw(chain[0])).digest())


async def activate(world: World, of: Issued) -> str:
    """`active`, or the code of the refusal."""
    credential, chain, _ = of
    try:
        await world.call("credentials/activate", credential=credential, chain=chain)
    except LinkIdError as error:
        return error.code
    return "active"


async def state(world: World, credential: str) -> str:
    rows = await world.sql("SELECT state FROM sam.credentials WHERE id = $1", credential)
    return str(rows[0]["state"])


async def test_the_revocation_comes_first(world: World) -> None:
    """The certificate arrives at a credential that is revoked at once: nobody pairs with it, nobody asks it to sign."""
    of = await issued(world)
    credential, _, certificate = of
    assert await world.call("credentials/revoke", revocation=world.authority.revocation(certificate)) == {}
    assert await state(world, credential) == "bound"
    for _again in range(3):
        assert await activate(world, of) == "certificate_revoked"
    assert await state(world, credential) == "revoked"
    with pytest.raises(LinkIdError) as caught:
        await world.pair(credential, Signer(), PASSWORD)
    assert caught.value.code == "credential_not_active"
    events = await world.events()
    assert (events.count("certificate.revoked"), events.count("credential.revoked")) == (1, 1)
    assert "credential.activated" not in events


async def test_the_certificate_comes_first(world: World) -> None:
    """Active, then revoked; brought again by a gateway that lost the answer, it stays revoked."""
    of = await issued(world)
    credential, _, certificate = of
    assert [await activate(world, of) for _ in range(2)] == ["active", "active"]
    await world.call("credentials/revoke", revocation=world.authority.revocation(certificate))
    assert await activate(world, of) == "certificate_revoked"
    assert await state(world, credential) == "revoked"


async def test_the_same_revocation_again_changes_nothing(world: World) -> None:
    """Before the certificate and after it: one row, one line of the audit."""
    of = await issued(world)
    said = world.authority.revocation(of[2])
    for _ in range(3):
        await world.call("credentials/revoke", revocation=said)
    assert await activate(world, of) == "certificate_revoked"
    for _ in range(3):
        await world.call("credentials/revoke", revocation=said)
    assert [row["n"] for row in await world.sql("SELECT count(*) AS n FROM sam.revocations")] == [1]
    events = await world.events()
    assert (events.count("certificate.revoked"), events.count("credential.revoked")) == (1, 1)


async def test_both_at_once(world: World) -> None:
    """However the two meet, the certificate is revoked in the end; nothing hangs and nothing is half done."""
    seen: set[str] = set()
    for _ in range(12):
        of = await issued(world)
        said = world.authority.revocation(of[2])
        answers = await asyncio.gather(
            activate(world, of),
            world.call("credentials/revoke", revocation=said),
            activate(world, of),
            world.call("credentials/revoke", revocation=said),
        )
        seen.update(one for one in answers if isinstance(one, str))
        assert await state(world, of[0]) == "revoked"
        assert await activate(world, of) == "certificate_revoked"
    assert seen <= {"active", "certificate_revoked"}


async def test_the_rival_commits_while_we_look(
    hsm: Hsm, world: World, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One SAM has looked and found no revocation; another takes one before the first has committed: it waits its turn,
    and ends what became active.
    """
    other = await open_world(hsm, world.database, tmp_path / "sam-1.head", world.clock, authority, chain="sam-1")
    try:
        await other.sam.watch.look()
        of = await issued(world)
        said = authority.revocation(of[2])
        revocations: Any = world.sam.rooms.credentials._revocations
        about, rival = revocations.about, []

        async def and_then(*args: Any) -> Any:
            found = await about(*args)
            rival.append(asyncio.create_task(other.call("credentials/revoke", revocation=said)))
            done, _ = await asyncio.wait(rival, timeout=0.3)
            assert not done, "the rival did not wait"
            return found

        monkeypatch.setattr(revocations, "about", and_then)
        assert await activate(world, of) == "active"
        await rival[0]
        assert await state(world, of[0]) == "revoked"
    finally:
        await other.close()


async def test_only_the_authority_revokes_in_advance(world: World) -> None:
    """Another key's word is not kept; nor is one about something that is no certificate."""
    of = await issued(world)
    lie = world.authority.revocation(of[2], Signer().key)
    assert await world.refused("credentials/revoke", revocation=lie) == "signature_invalid"
    for nonsense in ("AAAA", "", "not b64u!", b64u(bytes(33))):
        said = world.authority.revocation(nonsense)
        assert await world.refused("credentials/revoke", revocation=said) == "signature_invalid", nonsense
    assert await world.sql("SELECT 1 FROM sam.revocations") == []
    assert await activate(world, of) == "active"


async def test_a_revocation_of_something_else_does_not_hinder(world: World) -> None:
    """Another person's certificate was revoked: this one becomes active."""
    of, other = await issued(world), await issued(world)
    await world.call("credentials/revoke", revocation=world.authority.revocation(other[2]))
    assert await activate(world, of) == "active"


async def test_by_its_serial_number_too(world: World) -> None:
    """A revocation that names the serial under another encoding of the certificate ends it all the same."""
    of = await issued(world)
    serial = format(x509.load_der_x509_certificate(raw(of[1][0])).serial_number, "x")
    said = world.authority.revocation(b64u(bytes(32)), serial=serial)
    await world.call("credentials/revoke", revocation=said)
    assert await activate(world, of) == "certificate_revoked"


async def test_rows_that_somebody_wrote_or_took_away(
    hsm: Hsm, world: World, authority: Authority, tmp_path: Path
) -> None:
    """A forged revocation ends nothing, a deleted one is missed: by the SAM that took it, and by one that starts."""
    free = await issued(world)
    await world.sql(
        "INSERT INTO sam.revocations VALUES ($1, '01', $2, now())",
        raw(free[2]),
        authority.revocation(free[2], Signer().key),
    )
    assert await activate(world, free) == "active"
    assert "row.forged" in await world.events()
    for genuine_but_anothers in (True, False):
        of = await issued(world)
        await world.call("credentials/revoke", revocation=authority.revocation(of[2]))
        if genuine_but_anothers:
            said = authority.revocation(b64u(bytes(32)))
            await world.sql("UPDATE sam.revocations SET statement = $1 WHERE certificate_hash = $2", said, raw(of[2]))
        else:
            await world.sql("DELETE FROM sam.revocations WHERE certificate_hash = $1", raw(of[2]))
        assert await activate(world, of) == "certificate_revoked"
        fresh = await open_world(hsm, world.database, world.head, world.clock, authority)
        try:
            await fresh.sam.watch.look()
            assert await activate(fresh, of) == "certificate_revoked"
        finally:
            await fresh.close()
        assert await state(world, of[0]) == "bound"
    assert "row.turned_back" in await world.events()
