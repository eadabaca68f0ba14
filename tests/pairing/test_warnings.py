"""A certificate that wrong passwords locked: its holder hears of it on every phone, and by e-mail."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from foundation.errors import LinkIdError, Unavailable
from foundation.ids import new_id
from pairing.domain.letters import credential_locked
from pairing.domain.warnings import KEPT, read_lock
from pairing.store import forget
from protocol.errors import CredentialLocked, PasswordWrong
from tests.pairing.conftest import Gateway
from tests.pairing.people import COMPANYS, JOSE, JOSES, MARIAS, Phone

CREDENTIAL = new_id("cred")


def lock(gateway: Gateway, *, hours: int | None = 3, ago: int = 0, credential: str = MARIAS) -> dict[str, Any]:
    """As the SAM tells it."""
    since = int(gateway.clock.now().timestamp()) - ago
    return {"credential": credential, "since": since, "until": None if hours is None else since + hours * 3600}


def closing(gateway: Gateway, **changes: Any) -> PasswordWrong:
    """The wrong password that locked."""
    return PasswordWrong(data={"tries_left": 0, "lock": lock(gateway, **changes)})


async def guess(gateway: Gateway, phone: Phone, answer: LinkIdError) -> tuple[int, dict[str, Any]]:
    """A wrong password on a request, and what the SAM says to it."""
    document = await phone.fetch(gateway.sam.fix_sign(MARIAS).document)
    gateway.sam.wrong = answer
    return await phone.decide(document, proof="wrong")


async def told(phone: Phone) -> list[dict[str, Any]]:
    status, body = await phone.call("GET", "/phone/v1/warnings")
    assert status == 200
    items: list[dict[str, Any]] = body["items"]
    return items


@pytest.mark.parametrize(("hours", "until"), [(3, "2026-11-23T15:00:00Z"), (24, "2026-11-24T12:00:00Z"), (None, None)])
async def test_every_phone_of_the_certificate_is_told(gateway: Gateway, hours: int | None, until: str | None) -> None:
    """Each step of the ladder: on each of its active phones, on no other; with the phone it came from and the end."""
    mine, stolen, jose, company = await gateway.paired(), gateway.phone(), gateway.phone(), gateway.phone()
    await stolen.pair(nickname="Celular antigo")
    await jose.pair(JOSE, JOSES)
    await company.pair(credential=COMPANYS)
    unfinished = gateway.phone()
    await unfinished.verify(JOSE)
    gateway.doorbell.rung.clear()
    gateway.letters.sent.clear()
    status, body = await guess(gateway, stolen, closing(gateway, hours=hours))

    assert (status, body["code"], body["tries_left"]) == (403, "password_wrong", 0)
    for phone, here in ((mine, False), (stolen, True)):
        [one] = await told(phone)
        assert (one.pop("id")[:4], one.pop("device")) == ("wrn_", stolen.device)
        assert one == {
            "kind": "credential_locked", "credential": MARIAS, "phone": "Celular antigo", "here": here,
            "since": "2026-11-23T12:00:00Z", "until": until,
        }  # fmt: skip
    for other in (jose, company, unfinished):
        assert await told(other) == []
    assert sorted(device for device, _ in gateway.doorbell.rung) == sorted([mine.device, stolen.device])
    assert {bell for _, bell in gateway.doorbell.rung} == {one["id"] for p in (mine, stolen) for one in await told(p)}
    assert gateway.letters.sent == [
        ((MARIAS,), "Link ID: seu certificado em nuvem foi bloqueado por senhas erradas"),
    ]


async def test_a_wrong_password_that_locks_nothing_is_no_news(gateway: Gateway) -> None:
    """Two tries left, or pairing closed (no lock of the certificate): nobody is disturbed."""
    phone = await gateway.paired()
    gateway.letters.sent.clear()
    for answer in (PasswordWrong(data={"tries_left": 2}), CredentialLocked(retry_after=3600)):
        await guess(gateway, phone, answer)
    assert await told(phone) == []
    assert gateway.letters.sent == []


async def test_an_event_is_told_once(gateway: Gateway) -> None:
    """Reported again and again, at once and later: one warning, one ring, one letter; the next lock is another."""
    phone = await gateway.paired()
    gateway.doorbell.rung.clear()
    gateway.letters.sent.clear()
    await asyncio.gather(*(guess(gateway, phone, closing(gateway)) for _ in range(8)))
    await guess(gateway, phone, CredentialLocked(retry_after=10_000, data={"lock": lock(gateway, ago=0)}))
    assert (len(await told(phone)), len(gateway.doorbell.rung), len(gateway.letters.sent)) == (1, 1, 1)
    gateway.clock.advance(4 * 3600)
    await guess(gateway, phone, closing(gateway, hours=24))
    assert [one["until"] for one in await told(phone)] == ["2026-11-24T16:00:00Z", "2026-11-23T15:00:00Z"]
    assert len(gateway.letters.sent) == 2


async def test_a_lock_that_nobody_told_is_told_by_whoever_meets_it(gateway: Gateway) -> None:
    """The process that should have told it died: the next phone that meets the lock tells it, and blames no phone."""
    phone = await gateway.paired()
    met = {"retry_after": 10_000}
    await guess(gateway, phone, CredentialLocked(**met, data={"lock": lock(gateway, ago=29)}))  # type: ignore[arg-type]
    assert await told(phone) == []  # whoever locked it may be telling it just now
    await guess(gateway, phone, CredentialLocked(**met, data={"lock": lock(gateway, ago=31)}))  # type: ignore[arg-type]
    [one] = await told(phone)
    assert (one["phone"], one["here"]) == (None, False)


async def test_it_stays_until_dismissed_on_each_phone(gateway: Gateway) -> None:
    """Dismissed on one, it is on the other still; the bell of the one falls silent; a stranger dismisses nothing."""
    mine, other, jose = await gateway.paired(), gateway.phone(), gateway.phone()
    await other.pair(nickname="Outro")
    await jose.pair(JOSE, JOSES)
    await guess(gateway, other, closing(gateway))
    [warning] = [one["id"] for one in await told(mine)]
    for phone, path in ((jose, warning), (other, warning), (mine, "x"), (mine, new_id("wrn")), (mine, new_id("doc"))):
        assert (await phone.call("DELETE", f"/phone/v1/warnings/{path}"))[0] == 204
    assert len(await told(mine)) == len(await told(other)) == 1
    assert warning not in gateway.doorbell.settled
    for _ in range(2):
        assert (await mine.call("DELETE", f"/phone/v1/warnings/{warning}"))[0] == 204
    assert await told(mine) == []
    assert gateway.doorbell.settled.count(warning) == 1
    assert len(await told(other)) == 1
    await guess(gateway, mine, closing(gateway))  # the same event, reported again
    assert await told(mine) == []


async def test_warning_never_changes_the_answer(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the holder cannot be told just then, the phone hears of its wrong password all the same."""
    phone = await gateway.paired()

    async def away(*_args: object) -> None:
        raise Unavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(gateway.doorbell, "ring", away)
        status, body = await guess(gateway, phone, closing(gateway))
    assert (status, body["code"]) == (403, "password_wrong")
    assert await told(phone) == []


async def test_only_the_phone_itself_reads_its_warnings(gateway: Gateway) -> None:
    """Without the token, or with a removed one, nothing."""
    phone, nobody = await gateway.paired(), gateway.phone()
    await guess(gateway, phone, closing(gateway))
    for method, path in (("GET", "/phone/v1/warnings"), ("DELETE", f"/phone/v1/warnings/{new_id('wrn')}")):
        assert (await nobody.call(method, path))[0] == 401
    await phone.call("DELETE", "/phone/v1/device")
    assert (await phone.call("GET", "/phone/v1/warnings"))[0] == 401


async def test_old_warnings_are_forgotten(gateway: Gateway) -> None:
    """After half a year, dismissed or not; not sooner."""
    phone = await gateway.paired()
    await guess(gateway, phone, closing(gateway))
    await forget(gateway.database, gateway.clock.now() + KEPT)
    assert len(await told(phone)) == 1
    await forget(gateway.database, gateway.clock.now() + KEPT + timedelta(seconds=1))
    assert await told(phone) == []


@pytest.mark.parametrize(
    "said",
    [
        None, "x", {}, {"credential": "x", "since": 1, "until": None}, {"credential": CREDENTIAL, "since": "1"},
        {"credential": CREDENTIAL, "since": 1, "until": "soon"}, {"credential": CREDENTIAL, "until": 5},
    ],
)  # fmt: skip
def test_what_is_no_lock_is_passed_over(said: Any) -> None:
    """An older SAM says nothing of locks: there is nothing to tell then."""
    assert read_lock({"lock": said}) is None
    assert read_lock({}) is None


def test_the_letter_says_where_until_when_and_what_to_do(gateway: Gateway) -> None:
    """In the hours of Brasília; without a phone when nobody knows which."""
    since = gateway.clock.now()
    letter = credential_locked("Celular antigo", since, since + timedelta(hours=3))
    assert "bloqueado até 23/11/2026 às 12:00" in letter.text
    assert "no celular “Celular antigo”, a última em 23/11/2026 às 09:00 (horário de Brasília)." in letter.text
    assert "Não foi você? Alguém está com esse celular" in letter.text
    for_ever = credential_locked(None, since, None)
    assert "bloqueado para sempre" in for_ever.text
    assert "em um dos celulares vinculados" in for_ever.text
    assert "Espere" not in for_ever.text
