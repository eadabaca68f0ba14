"""Steps 8 to 10 with everything wrong that can be: no signature comes out, and none is lost."""

import asyncio
import re
import secrets
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from foundation.encoding import b64u
from hsm_service.hsm.keys import WrappedKey
from hsm_service.sam.activations.domain import MINT, Permit, match
from hsm_service.sam.credentials.store import CredentialStore
from hsm_service.sam.errors import HashesNotApproved, SignatureNotReleased
from hsm_service.sam.signatures.signer import Signer as SamSigner
from protocol.algorithms import SIGN_ALGORITHMS
from tests.sam.world import Request, Signer, World, digest


class Approved:
    """An approved request of two hashes."""

    def __init__(self, world: World, credential: str, phone: Signer, request: Request, activation: str) -> None:
        self.world, self.credential, self.phone = world, credential, phone
        self.request, self.activation = request, activation

    async def refused(self, **changes: Any) -> str:
        """The code; and nothing was signed."""
        code = await self.world.refused("signatures/sign", **self.request.call(self.activation, **changes))
        assert await self.world.sql("SELECT * FROM sam.signatures") == []
        return code


@pytest.fixture
async def approved(world: World) -> Approved:
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    request = await world.ask(credential, [digest("one"), digest("two")], "ECDSA-SHA256")
    return Approved(world, credential, phone, request, (await world.approve(phone, request))["activation"])


WRONG_CALLS: list[tuple[dict[str, Any], str]] = [
    ({"secret": b64u(bytes(32))}, "seal_broken"),
    ({"secret": b64u(bytes(31))}, "sam_bad_call"),
    ({"secret": None}, "sam_bad_call"),
    ({"hashes": [b64u(digest("one"))]}, "hashes_not_approved"),
    ({"hashes": [b64u(digest("one")), b64u(digest("three"))]}, "hashes_not_approved"),
    ({"hashes": [b64u(digest("one"))] * 2}, "hashes_not_approved"),
    ({"hashes": [b64u(digest(text)) for text in ("one", "two", "two")]}, "hashes_not_approved"),
    ({"hashes": []}, "hashes_not_approved"),
    ({"hash_algorithm": "SHA-384"}, "hashes_not_approved"),
    ({"sign_algorithm": "ECDSA-SHA384", "hash_algorithm": "SHA-384"}, "hashes_not_approved"),
    ({"sign_algorithm": "RSA-PSS-SHA256"}, "hashes_not_approved"),
    ({"caller": {"kind": "integrator", "id": "cli_0123456789abcdefghjkmnpqrs"}}, "activation_unknown"),
    ({"caller": {"kind": "computer", "id": "cmp_0123456789abcdefghjkmnpqrs"}}, "activation_unknown"),
    ({"activation": "act_0123456789abcdefghjkmnpqrs"}, "activation_unknown"),
    ({"activation": "req_0123456789abcdefghjkmnpqrs"}, "sam_bad_call"),
]


async def test_refused(approved: Approved) -> None:
    """Wrong secret, hashes, algorithm, caller or activation: refused; the approval is not used up by it."""
    for change, code in WRONG_CALLS:
        assert (change, await approved.refused(**change)) == (change, code)
    signatures = await approved.world.sign(approved.request, approved.activation)
    certificate = await approved.world.certificate(approved.credential)
    approved.world.verify(certificate, approved.request, signatures)


async def test_too_late(approved: Approved) -> None:
    """Five minutes after the approval it is over."""
    approved.world.clock.advance(timedelta(seconds=300))
    assert await approved.refused() == "activation_expired"


async def test_revoked_between_approval_and_signature(approved: Approved) -> None:
    """A revocation stops what was approved but not yet signed."""
    document = approved.request.statement.document
    revocation = approved.world.authority.revocation(document.text("certificate"))
    await approved.world.call("credentials/revoke", revocation=revocation)
    assert await approved.refused() == "credential_not_active"


async def test_another_certificate_than_the_one_approved(approved: Approved, monkeypatch: pytest.MonkeyPatch) -> None:
    """The document names its certificate: with another one, however it came there, nothing is decided nor signed."""
    world = approved.world
    request = await world.ask(approved.credential, algorithm="ECDSA-SHA256")
    body = approved.phone.decision(request.statement)
    other = await world.certificate(await world.credential("P-256"))
    original = CredentialStore.read

    async def exchanged(self: CredentialStore, record: Any, id_: str, since: int) -> Any:
        found = await original(self, record, id_, since)
        assert found.certificate is not None
        return replace(found, certificate=replace(found.certificate, chain=[other.public_bytes(Encoding.DER)]))

    with monkeypatch.context() as patch:
        patch.setattr(CredentialStore, "read", exchanged)
        assert await approved.refused() == "hashes_not_approved"
        code = await world.refused("documents/decide", document=request.id, device=approved.phone.id, **body)
        assert code == "decision_invalid"
    assert len(await world.sign(approved.request, approved.activation)) == 2


async def test_a_forged_revocation_does_nothing(approved: Approved) -> None:
    """Only the AC's pinned key revokes."""
    document = approved.request.statement.document
    lie = approved.world.authority.revocation(document.text("certificate"), Signer().key)
    assert await approved.world.refused("credentials/revoke", revocation=lie) == "signature_invalid"
    assert len(await approved.world.sign(approved.request, approved.activation)) == 2


async def test_many_at_once_release_one(approved: Approved) -> None:
    """Twenty calls at the same time: all get the same signatures, stored once and audited once."""
    calls = [approved.world.sign(approved.request, approved.activation) for _ in range(20)]
    answers = await asyncio.gather(*calls)
    assert len({tuple(answer) for answer in answers}) == 1
    assert (await approved.world.events()).count("signatures.made") == 1


async def test_a_signature_that_does_not_verify_stays(approved: Approved, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stale handle once signed with another key: what does not verify with the certificate is never released."""
    other = await approved.world.sam.hsm.generate_wrapped("P-256", 1)
    original = approved.world.sam.hsm.sign_wrapped

    async def stale(key: WrappedKey, *args: Any) -> list[bytes]:
        return await original(other, *args)

    with monkeypatch.context() as patch:
        patch.setattr(approved.world.sam.hsm, "sign_wrapped", stale)
        assert await approved.refused() == "signature_not_released"
    assert len(await approved.world.sign(approved.request, approved.activation)) == 2


async def test_the_signer_takes_permits_only(world: World) -> None:
    """Signing something unapproved cannot be said: hashes are no permit; permits come from step 8, and serve once."""
    signer = SamSigner(world.sam.hsm)
    with pytest.raises(TypeError):
        await signer.sign(digest("unapproved"), b"")  # type: ignore[arg-type]
    key = await world.sam.hsm.generate_wrapped("P-256", 1)
    parts: dict[str, Any] = {
        "credential": "cred_x", "key": key, "key_algorithm": "P-256", "algorithm": SIGN_ALGORITHMS["ECDSA-SHA256"],
        "digests": [digest("x")],
    }  # fmt: skip
    with pytest.raises(TypeError):
        Permit(object(), epoch=1, **parts)  # type: ignore[arg-type]
    stale = Permit(MINT, epoch=world.sam.hsm.epoch - 1, **parts)
    with pytest.raises(SignatureNotReleased):
        await signer.sign(stale, b"")
    permit = Permit(MINT, epoch=world.sam.hsm.epoch, **parts)
    permit.spend()
    with pytest.raises(RuntimeError):
        permit.spend()
    assert "b'" not in repr(permit)


def test_only_step_8_mints() -> None:
    """Nobody but steps 8 and U8 names the mint, and nobody but the signer asks the HSM."""
    from pathlib import Path

    import hsm_service.sam as package

    folder = Path(package.__file__).parent
    users = {
        str(path.relative_to(folder))
        for path in folder.rglob("*.py")
        if re.search(r"\bMINT\b", path.read_text("utf-8"))
    }
    assert users == {"activations/domain.py", "activations/service.py", "sessions/opening.py"}
    callers = {
        str(path.relative_to(folder)) for path in folder.rglob("*.py") if "sign_wrapped" in path.read_text("utf-8")
    }
    assert callers == {"signatures/signer.py"}


def test_matching_is_by_multiset() -> None:
    """Each approved occurrence serves once; order is the caller's; anything else is refused."""
    one, two = secrets.token_bytes(32), secrets.token_bytes(32)
    assert match([two, one, one], [one, two, one]) == [1, 0, 2]
    assert match([one, two, one], [one, two, one]) == [0, 1, 2]
    for asked in ([one, two], [one, two, two], [one, one, two, two], []):
        with pytest.raises(HashesNotApproved):
            match(asked, [one, two, one])


async def test_a_look_from_before_the_signature_is_no_alarm(
    approved: Approved, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same call twice: one saw the rows before the other signed and released. It looks again, and gets the same."""
    world, room = approved.world, approved.world.sam.rooms.signatures
    activations: Any = room._activations
    looked, signed, opens = asyncio.Event(), asyncio.Event(), activations.open

    async def late(call: Any) -> Any:
        opened = await opens(call)
        looked.set()
        await signed.wait()
        return opened

    monkeypatch.setattr(activations, "open", late)
    second = asyncio.create_task(world.call("signatures/sign", **approved.request.call(approved.activation)))
    await looked.wait()
    monkeypatch.setattr(activations, "open", opens)
    first = await world.call("signatures/sign", **approved.request.call(approved.activation))
    signed.set()
    assert await second == first
    assert "signatures.turned_back" not in await world.events()
