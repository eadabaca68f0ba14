"""Pairing a phone, by people who are clumsy, impatient, or not who they say. Each: a clear error, nothing changed."""

import asyncio

import pytest

from foundation.database import Database
from pairing.domain.ceremony import CODE_LIFE, NUMBER_PROOF_LIFE
from tests.pairing.conftest import Gateway
from tests.pairing.people import COMPANYS, JOSE, JOSES, MARIA, MARIAS, NOBODY, Phone, read_statement


async def states(database: Database) -> list[str]:
    return [row["state"] for row in await database.fetch("SELECT state FROM pairing.pairings ORDER BY created_at, id")]


def wrong(code: str) -> str:
    """Six digits that are not the code."""
    return f"{(int(code) + 1) % 1_000_000:06}"


# ---- the code ----


async def test_a_wrong_code_says_how_many_tries_are_left(gateway: Gateway) -> None:
    """Four wrong codes are forgiven, each with one try less."""
    phone = gateway.phone()
    pairing = await phone.give_number()
    code = gateway.sms.last_code(MARIA)
    answers = [await phone.type_code(pairing, wrong(code)) for _ in range(4)]

    assert [(status, body["code"], body["tries_left"]) for status, body in answers] == [
        (400, "code_wrong", left) for left in (4, 3, 2, 1)
    ]
    assert (await phone.type_code(pairing, code))[0] == 201


async def test_the_sixth_try_is_refused_even_if_it_is_right(gateway: Gateway) -> None:
    """Five wrong codes end the pairing; the right one does not bring it back."""
    phone = gateway.phone()
    pairing = await phone.give_number()
    code = gateway.sms.last_code(MARIA)
    for _ in range(4):
        await phone.type_code(pairing, wrong(code))
    fifth = await phone.type_code(pairing, wrong(code))
    sixth = await phone.type_code(pairing, code)

    assert (fifth[0], fifth[1]["code"]) == (410, "too_many_tries")
    assert (sixth[0], sixth[1]["code"]) == (410, "too_many_tries")
    assert phone.token is None
    assert await states(gateway.database) == ["dead"]


async def test_a_malformed_code_is_no_try(gateway: Gateway) -> None:
    """Letters and lengths are told, not counted."""
    phone = gateway.phone()
    pairing = await phone.give_number()
    for typed in ("12345", "abcdef", "", "1234567"):
        status, body = await phone.type_code(pairing, typed)

        assert (status, body["code"]) == (400, "code_malformed")
    assert await gateway.database.fetchval("SELECT tries FROM pairing.pairings") == 0


async def test_an_expired_code_is_refused_and_another_may_be_asked_for(gateway: Gateway) -> None:
    """Ten minutes, then a new one."""
    phone = gateway.phone()
    pairing = await phone.give_number()
    code = gateway.sms.last_code(MARIA)
    gateway.clock.advance(CODE_LIFE)
    status, body = await phone.type_code(pairing, code)

    assert (status, body["code"]) == (410, "code_expired")

    status, body = await phone.call("POST", f"/phone/v1/pairings/{pairing}/resend")

    assert status == 200
    assert (await phone.type_code(pairing, gateway.sms.last_code(MARIA)))[0] == 201


async def test_a_code_serves_once(gateway: Gateway) -> None:
    """The second use of a good code gives no second token."""
    phone = gateway.phone()
    pairing = await phone.give_number()
    code = gateway.sms.last_code(MARIA)
    await phone.type_code(pairing, code)
    status, body = await phone.type_code(pairing, code)

    assert (status, body["code"]) == (410, "code_spent")


async def test_another_message_voids_the_code_of_the_last(gateway: Gateway) -> None:
    """Only the latest SMS counts."""
    phone = gateway.phone()
    pairing = await phone.give_number()
    first = gateway.sms.last_code(MARIA)
    gateway.clock.advance(30)
    await phone.call("POST", f"/phone/v1/pairings/{pairing}/resend")
    status, body = await phone.type_code(pairing, first)

    assert (status, body["code"]) == (400, "code_wrong")
    assert (await phone.type_code(pairing, gateway.sms.last_code(MARIA)))[0] == 201


async def test_messages_come_with_growing_waits_and_end(gateway: Gateway) -> None:
    """30 s, 60 s, and no fourth message."""
    phone = gateway.phone()
    pairing = await phone.give_number()
    path = f"/phone/v1/pairings/{pairing}/resend"
    gateway.clock.advance(29)
    response = await phone.send("POST", path)

    assert (response.status, response.headers["Retry-After"]) == (429, "1")
    assert (await response.json())["code"] == "resend_too_soon"

    gateway.clock.advance(1)
    status, body = await phone.call("POST", path)

    assert (status, body["sends_left"], body["resend_in"]) == (200, 1, 60)

    gateway.clock.advance(60)
    status, body = await phone.call("POST", path)

    assert (status, body["sends_left"], body["resend_in"]) == (200, 0, 120)

    gateway.clock.advance(120)
    status, body = await phone.call("POST", path)

    assert (status, body["code"]) == (410, "no_sends_left")
    assert len(gateway.sms.sent) == 3


async def test_a_message_expires_with_its_code(gateway: Gateway) -> None:
    """The SMS is worthless, and not delivered, after ten minutes."""
    await gateway.phone().give_number()
    [message] = gateway.sms.sent

    assert message.expires == gateway.clock.now() + CODE_LIFE
    assert message.text.splitlines()[-1].startswith("@app.test #")


async def test_starting_again_voids_what_was_open(gateway: Gateway) -> None:
    """A phone that mistyped its number and starts again leaves nothing open behind."""
    phone = gateway.phone()
    first = await phone.give_number(JOSE)
    code = gateway.sms.last_code(JOSE)
    await phone.give_number(MARIA)
    status, body = await phone.type_code(first, code)

    assert (status, body["code"]) == (404, "pairing_not_found")
    assert sorted(await states(gateway.database)) == ["dead", "sent"]


# ---- who is asking ----


async def test_an_unknown_number_gets_the_same_answer_and_no_message(gateway: Gateway) -> None:
    """Nobody learns here whether a number belongs to a holder."""
    known, unknown = gateway.phone(), gateway.phone()
    status, body = await known.call("POST", "/phone/v1/pairings", {"number": MARIA})
    other_status, other = await unknown.call("POST", "/phone/v1/pairings", {"number": NOBODY})

    assert status == other_status == 201
    assert body.keys() == other.keys()
    assert {name: body[name] for name in ("expires_in", "resend_in", "sends_left")} == {
        name: other[name] for name in ("expires_in", "resend_in", "sends_left")
    }
    assert [message.to for message in gateway.sms.sent] == [MARIA, None]


async def test_no_code_is_right_for_an_unknown_number(gateway: Gateway) -> None:
    """Not even the one that would have been sent; and wrong codes are answered as for any number."""
    phone = gateway.phone()
    pairing = await phone.give_number(NOBODY)
    would_be = gateway.sms.last_code(None)
    status, body = await phone.type_code(pairing, would_be)

    assert (status, body["code"], body["tries_left"]) == (400, "code_wrong", 4)


async def test_a_pairing_belongs_to_the_key_that_began_it(gateway: Gateway) -> None:
    """Somebody who saw the id, or the SMS over a shoulder, cannot go on with it."""
    mine, thief = gateway.phone(), gateway.phone()
    pairing = await mine.give_number()
    code = gateway.sms.last_code(MARIA)
    stolen = await thief.type_code(pairing, code)
    resent = await thief.call("POST", f"/phone/v1/pairings/{pairing}/resend")

    assert (stolen[0], stolen[1]["code"]) == (404, "pairing_not_found")
    assert (resent[0], resent[1]["code"]) == (404, "pairing_not_found")
    assert (await mine.type_code(pairing, code))[0] == 201


async def test_someone_elses_pairing_and_none_at_all_look_alike(gateway: Gateway) -> None:
    """The same status, code and sentence."""
    mine, thief = gateway.phone(), gateway.phone()
    pairing = await mine.give_number()
    real = await thief.type_code(pairing, "000000")
    none = await thief.type_code("par_" + "0" * 26, "000000")
    for _, body in (real, none):
        del body["request_id"]

    assert real == none


async def test_a_token_is_worth_nothing_with_another_key(gateway: Gateway) -> None:
    """A stolen token without the phone's key opens nothing."""
    phone, thief = await gateway.paired(), gateway.phone()
    thief.token = phone.token
    status, body = await thief.call("GET", "/phone/v1/device")

    assert (status, body["code"]) == (401, "device_unknown")


async def test_a_changed_token_is_unknown(gateway: Gateway) -> None:
    """The secret half counts, and nothing tells how wrong it was."""
    phone = await gateway.paired()
    assert phone.token is not None
    good = phone.token
    for token in (good[:-1] + ("0" if good[-1] != "0" else "1"), good[:31], "dvt_x_y", "x", good + "0", ""):
        phone.token = token
        status, body = await phone.call("GET", "/phone/v1/device")

        assert (status, body["code"]) == (401, "device_unknown")


async def test_pairing_again_with_the_same_key_is_the_same_device_with_a_new_token(gateway: Gateway) -> None:
    """A phone that lost its token gets another, and the old one is void."""
    phone = await gateway.paired()
    device, old = phone.device, phone.token
    phone.token = None
    await phone.verify()

    assert phone.device == device
    assert phone.token != old

    phone.token = old

    assert (await phone.call("GET", "/phone/v1/device"))[0] == 401


async def test_a_removed_phone_is_nobody(gateway: Gateway) -> None:
    """Unpairing ends token, bindings, associations and rings; the same key may pair again as a new device."""
    phone, computer = await gateway.paired(), gateway.computer()
    name = await computer.associate(phone)
    device = phone.device

    assert (await phone.call("DELETE", "/phone/v1/device"))[0] == 204
    assert (await phone.call("GET", "/phone/v1/device"))[0] == 401
    assert await gateway.sam.bindings(device) == []
    assert gateway.sam.associations == set()
    assert gateway.doorbell.gone == [device]
    assert await gateway.computers.find(name) is None
    async with gateway.database.transaction() as connection:
        await gateway.bells.ring(connection, document="doc_x", credential=MARIAS)

    assert "doc_x" not in [document for _, document in gateway.doorbell.rung]

    phone.token = None
    await phone.verify()

    assert phone.device != device


# ---- nickname and binding ----


@pytest.mark.parametrize("nickname", ["", "   ", "x" * 41, "\u200b"])
async def test_a_bad_nickname_is_refused(gateway: Gateway, nickname: str) -> None:
    """One to forty visible characters."""
    phone = gateway.phone()
    await phone.verify()
    status, body = await phone.call("PUT", "/phone/v1/device", {"nickname": nickname})

    assert (status, body["code"]) == (400, "nickname_invalid")


async def test_a_nickname_comes_before_the_binding(gateway: Gateway) -> None:
    """It is part of what the holder approves."""
    phone = gateway.phone()
    await phone.verify()
    status, body = await phone.call("POST", "/phone/v1/bindings", {"credential": MARIAS})

    assert (status, body["code"]) == (409, "nickname_needed")
    assert gateway.sam.calls == []


@pytest.mark.parametrize("credential", [JOSES, "cred_" + "z" * 26, "", "not an id"])
async def test_only_credentials_of_the_proved_number_can_be_bound(gateway: Gateway, credential: str) -> None:
    """Another holder's credential and none at all get the same answer, and the SAM is not even asked."""
    phone = gateway.phone()
    await phone.verify()
    await phone.name("Celular")
    status, body = await phone.call("POST", "/phone/v1/bindings", {"credential": credential})

    assert (status, body["code"]) == (404, "credential_not_of_phone")
    assert "documents/pair" not in gateway.sam.calls


async def test_an_old_proof_of_the_number_binds_nothing(gateway: Gateway) -> None:
    """A number may have changed hands; a day later it must be proved again."""
    phone = gateway.phone()
    await phone.verify()
    await phone.name("Celular")
    gateway.clock.advance(NUMBER_PROOF_LIFE)
    status, body = await phone.call("POST", "/phone/v1/bindings", {"credential": MARIAS})

    assert (status, body["code"]) == (410, "number_proof_old")


async def test_a_second_credential_is_bound_to_a_working_phone(gateway: Gateway) -> None:
    """The same phone serves the person and the company."""
    phone = await gateway.paired()
    phone.token = None
    await phone.pair(credential=COMPANYS)
    status, portrait = await phone.call("GET", "/phone/v1/device")

    assert sorted(one["credential"] for one in portrait["bindings"]) == sorted([MARIAS, COMPANYS])
    assert status == 200


async def test_without_the_password_a_stolen_number_binds_nothing(gateway: Gateway) -> None:
    """SIM swap: the thief receives the SMS, and is stopped where the usage password is asked."""
    thief = gateway.phone()
    await thief.verify()
    await thief.name("Celular da Maria")
    _, body = await thief.call("POST", "/phone/v1/bindings", {"credential": MARIAS})
    document = read_statement(body["statement"])
    status, refused = await thief.decide(document, proof="guessed")

    assert (status, refused["code"], refused["tries_left"]) == (403, "password_wrong", 2)
    assert await gateway.sam.bindings(thief.device) == []
    assert gateway.doorbell.rung == []
    assert await gateway.database.fetchval("SELECT state FROM pairing.devices") == "named"


async def test_a_refused_pairing_leaves_the_phone_named(gateway: Gateway) -> None:
    """Changing one's mind is not an error and leads nowhere."""
    phone = gateway.phone()
    await phone.verify()
    await phone.name("Celular")
    _, body = await phone.call("POST", "/phone/v1/bindings", {"credential": MARIAS})
    status, answer = await phone.decide(read_statement(body["statement"]), "refuse:changed-mind")

    assert (status, answer) == (200, {"state": "refused"})
    assert await gateway.database.fetchval("SELECT state FROM pairing.devices") == "named"


# ---- rivals ----


async def test_fifty_right_codes_at_once_give_one_token(gateway: Gateway) -> None:
    """One consumption, one device, whatever the order."""
    phone = gateway.phone()
    pairing = await phone.give_number()
    code = gateway.sms.last_code(MARIA)
    path = f"/phone/v1/pairings/{pairing}/code"
    answers = await asyncio.gather(*(phone.call("POST", path, {"code": code}) for _ in range(50)))
    codes = [body.get("code") for status, body in answers if status != 201]

    assert [status for status, _ in answers].count(201) == 1
    assert set(codes) <= {"code_spent", "too_many_tries"}
    assert await gateway.database.fetchval("SELECT count(*) FROM pairing.devices") == 1
    assert await states(gateway.database) == ["verified"]


async def test_fifty_wrong_codes_at_once_are_five_tries(gateway: Gateway) -> None:
    """Guessing in parallel buys no sixth guess."""
    phone = gateway.phone()
    pairing = await phone.give_number()
    guess = wrong(gateway.sms.last_code(MARIA))
    answers = await asyncio.gather(*(phone.type_code(pairing, guess) for _ in range(50)))
    looked_at = [body for _, body in answers if body["code"] == "code_wrong"]

    assert len(looked_at) == 4
    assert await gateway.database.fetchval("SELECT tries FROM pairing.pairings") == 5
    assert await states(gateway.database) == ["dead"]


async def test_fifty_resends_at_once_are_one_message(gateway: Gateway) -> None:
    """An impatient thumb sends one SMS."""
    phone = gateway.phone()
    pairing = await phone.give_number()
    gateway.clock.advance(30)
    path = f"/phone/v1/pairings/{pairing}/resend"
    answers = await asyncio.gather(*(phone.call("POST", path) for _ in range(50)))

    assert [status for status, _ in answers].count(200) == 1
    assert len(gateway.sms.sent) == 2


async def test_two_phones_may_prove_one_number(gateway: Gateway) -> None:
    """Telephone numbers are not unique: a person has two phones, a couple one number."""
    one, two = gateway.phone(), gateway.phone()
    await one.pair()
    await two.pair(nickname="Tablet")

    assert one.device != two.device


async def test_nothing_secret_is_in_the_tables(gateway: Gateway) -> None:
    """Neither a code nor a token can be read from a copy of the database."""
    phone = gateway.phone()
    pairing = await phone.give_number()
    code = gateway.sms.last_code(MARIA)
    await phone.type_code(pairing, code)
    assert phone.token is not None
    secret = phone.token.rpartition("_")[2]
    for table in ("pairings", "devices", "numbers", "uses"):
        for row in await gateway.database.fetch(f"SELECT t::text AS all FROM pairing.{table} AS t"):
            assert secret not in row["all"]
            assert code not in row["all"].replace("31987654321", "")


async def test_every_wrong_code_leaves_an_audit_line(gateway: Gateway) -> None:
    """What was tried can be read afterwards, without numbers and names."""
    phone = gateway.phone()
    pairing = await phone.give_number()
    await phone.type_code(pairing, wrong(gateway.sms.last_code(MARIA)))
    rows = await gateway.database.fetch("SELECT body FROM audit.lines ORDER BY seq")
    bodies = [row["body"].decode() for row in rows]

    assert sum('"pairing.code_wrong"' in body and pairing in body for body in bodies) == 1
    assert not any("31987654321" in body for body in bodies)


async def test_the_sam_being_away_costs_nothing_but_time(gateway: Gateway) -> None:
    """503 with Retry-After, and everything can be done again."""
    phone: Phone = gateway.phone()
    await phone.verify()
    await phone.name("Celular")
    gateway.sam.away = True
    response = await phone.send("POST", "/phone/v1/bindings", {"credential": MARIAS})

    assert response.status == 503
    assert "Retry-After" in response.headers

    gateway.sam.away = False

    assert (await phone.call("POST", "/phone/v1/bindings", {"credential": MARIAS}))[0] == 201
