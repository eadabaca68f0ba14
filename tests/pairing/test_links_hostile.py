"""Associating a computer while strangers look at the screen. Each: a clear error on both sides, nothing granted."""

import asyncio

import pytest

from pairing.domain.link import LINK_LIFE, LinkEvent
from pairing.ports import AskingIntegrator
from pairing.store import LinkStore
from tests.pairing.conftest import Gateway
from tests.pairing.people import APP, JOSE, JOSES, MARIAS, read_statement

# ---- two phones, one code ----


async def test_a_second_phone_kills_the_link_for_both(gateway: Gateway) -> None:
    """Whoever else sees the screen and scans is noticed, and nobody gets the computer."""
    mine, other, computer = await gateway.paired(), gateway.phone(), gateway.computer()
    await other.pair(JOSE, JOSES)
    await computer.begin()
    frame = await computer.frame()
    _, body = await mine.scan(frame)
    status, taken = await other.scan(frame)

    assert (status, taken["code"]) == (409, "link_taken")

    view = await computer.look()

    assert (view["state"], view["ended_by"]) == ("dead", "second_scan")

    status, body = await mine.decide(read_statement(body["statement"]))

    assert status in (409, 410)
    assert gateway.sam.associations == set()


async def test_a_second_phone_after_the_approval_takes_it_back(gateway: Gateway) -> None:
    """What the SAM had granted is ended, because the circle was never closed."""
    mine, other, computer = await gateway.paired(), gateway.phone(), gateway.computer()
    await other.pair(JOSE, JOSES)
    await computer.begin()
    frame = await computer.frame()
    check_code = await mine.scan_and_approve(frame)

    assert len(gateway.sam.associations) == 1

    await other.scan(frame)
    status, body = await computer.type_check(check_code)

    assert (status, body["code"], body["state"]) == (410, "link_over", "dead")
    assert gateway.sam.associations == set()


async def test_twenty_phones_at_once_claim_it_once_at_most(gateway: Gateway) -> None:
    """Rivals at the same instant: one claim and then the end. One phone at most ever sees a document, always the same;
    and where the link is dead, nobody may decide one."""
    computer = gateway.computer()
    phones = [await gateway.paired() for _ in range(3)]
    scanning = phones + [phones[0]] * 17
    await computer.begin()
    frame = await computer.frame()
    answers = await asyncio.gather(*(phone.scan(frame) for phone in scanning))
    shown = {
        (phone.device, read_statement(body["statement"]).id)
        for phone, (status, body) in zip(scanning, answers, strict=True)
        if status == 200
    }
    waiting = {
        (phone.device, item["id"])
        for phone in phones
        for item in (await phone.call("GET", "/phone/v1/waiting"))[1]["items"]
    }
    state = (await computer.look())["state"]

    assert {body["code"] for status, body in answers if status != 200} <= {"link_taken", "link_over"}
    assert len(shown) <= 1
    assert state in ("claimed", "dead")
    assert waiting == (shown if state == "claimed" else set())
    assert gateway.sam.associations == set()


async def test_a_document_that_was_fixed_in_between_is_taken_back_too(gateway: Gateway) -> None:
    """Whoever ends a link read it before the other phone had its document: that one goes as well."""
    phone, computer = await gateway.paired(), gateway.computer()
    await computer.begin()
    frame = await computer.frame()
    before = await LinkStore(gateway.database).by_token(frame.split(".")[-3])
    assert before is not None
    assert (await phone.scan(frame))[0] == 200
    await gateway.life.kill(before, LinkEvent.SECOND_SCAN)

    assert (await phone.call("GET", "/phone/v1/waiting"))[1]["items"] == []


async def test_a_camera_may_read_twice_at_once(gateway: Gateway) -> None:
    """Every reading of the phone that holds the link gets the same document."""
    phone, computer = await gateway.paired(), gateway.computer()
    await computer.begin()
    frame = await computer.frame()
    answers = await asyncio.gather(*(phone.scan(frame) for _ in range(8)))
    documents = {read_statement(body["statement"]).id for status, body in answers if status == 200}

    assert [status for status, _ in answers] == [200] * 8
    assert len(documents) == 1
    assert (await phone.call("GET", "/phone/v1/waiting"))[1]["items"][0]["id"] in documents


async def test_the_same_phone_may_scan_twice(gateway: Gateway) -> None:
    """A camera reads a code more than once; the second reading gets the same document."""
    phone, computer = await gateway.paired(), gateway.computer()
    await computer.begin()
    frame = await computer.frame()
    first, second = await phone.scan(frame), await phone.scan(frame)

    assert first[0] == second[0] == 200
    assert read_statement(first[1]["statement"]).data == read_statement(second[1]["statement"]).data


# ---- late, forged, and elsewhere ----


@pytest.mark.parametrize(("seconds", "status", "code"), [(5, 200, None), (6, 410, "frame_expired")])
async def test_a_frame_is_good_for_five_seconds(gateway: Gateway, seconds: int, status: int, code: str | None) -> None:
    """A photograph of the screen is worthless by the time it arrives."""
    phone, computer = await gateway.paired(), gateway.computer()
    await computer.begin()
    frame = await computer.frame()
    gateway.clock.advance(seconds)
    answer = await phone.scan(frame)

    assert (answer[0], answer[1].get("code")) == (status, code)


async def test_a_forged_frame_is_not_ours_and_claims_nothing(gateway: Gateway) -> None:
    """One changed character anywhere."""
    phone, computer = await gateway.paired(), gateway.computer()
    await computer.begin()
    frame = await computer.frame()
    for index in range(len(APP) + 5, len(frame), 7):
        forged = frame[:index] + ("A" if frame[index] != "A" else "B") + frame[index + 1 :]
        status, body = await phone.scan(forged)

        assert (status, body["code"]) in ((400, "code_not_ours"), (429, "too_many_guesses"))
    assert (await computer.look())["state"] == "waiting"


async def test_an_expired_link_takes_nothing_more(gateway: Gateway) -> None:
    """Five minutes after it began a link is dead at every step."""
    phone = await gateway.paired()
    waiting, claimed, approved = gateway.computer(), gateway.computer(), gateway.computer()
    for computer in (waiting, claimed, approved):
        await computer.begin()
    _, body = await phone.scan(await claimed.frame())
    check_code = await phone.scan_and_approve(await approved.frame())
    gateway.clock.advance(LINK_LIFE)

    for computer in (waiting, claimed, approved):
        view = await computer.look()
        assert (view["state"], view["expires_in"]) == ("dead", 0)
    assert (await phone.decide(read_statement(body["statement"])))[0] == 410
    assert (await approved.type_check(check_code))[1]["code"] == "link_over"


async def test_a_phone_without_an_active_binding_claims_nothing(gateway: Gateway) -> None:
    """A number proved by SMS alone associates no computer."""
    phone, computer = gateway.phone(), gateway.computer()
    await phone.verify()
    await computer.begin()
    status, body = await phone.scan(await computer.frame())

    assert (status, body["code"]) == (409, "binding_not_active")
    assert (await computer.look())["state"] == "waiting"


async def test_a_typed_code_claims_like_a_frame(gateway: Gateway) -> None:
    """For whoever cannot use the camera; any dress."""
    phone, computer = await gateway.paired(), gateway.computer()
    await computer.begin()
    code = (await computer.look())["code"]
    status, _ = await phone.scan(f"  {code.lower().replace('-', ' ')} ")

    assert status == 200
    assert (await computer.look())["state"] == "claimed"


async def test_guessing_typed_codes_is_stopped(gateway: Gateway) -> None:
    """Ten misses in five minutes, also counted when they were frames; then even a good code must wait."""
    phone, computer = await gateway.paired(), gateway.computer()
    await computer.begin()
    for number in range(10):
        status, body = await phone.scan(f"00000-0000{number}")

        assert (status, body["code"]) == (400, "code_not_ours")

    response = await phone.send("POST", "/phone/v1/scan", {"text": (await computer.look())["code"]})

    assert response.status == 429
    assert int(response.headers["Retry-After"]) == 300

    gateway.clock.advance(300)
    await computer.begin()

    assert (await phone.scan((await computer.look())["code"]))[0] == 200


# ---- the check code ----


async def test_three_wrong_check_codes_kill_the_link_and_take_the_association_back(gateway: Gateway) -> None:
    """Somebody who made the holder approve the wrong screen does not know the three digits."""
    phone, computer = await gateway.paired(), gateway.computer()
    await computer.begin()
    check_code = await phone.scan_and_approve(await computer.frame())
    guess = f"{(int(check_code) + 1) % 1000:03}"
    answers = [await computer.type_check(guess) for _ in range(3)]

    assert [(status, body["code"], body.get("tries_left")) for status, body in answers] == [
        (400, "check_code_wrong", 2),
        (400, "check_code_wrong", 1),
        (410, "check_code_spent", None),
    ]
    assert (await computer.type_check(check_code))[1]["code"] == "link_over"
    assert (await computer.look())["ended_by"] == "checks_spent"
    assert gateway.sam.associations == set()
    assert await gateway.database.fetchval("SELECT count(*) FROM pairing.computers") == 0


async def test_fifty_check_codes_at_once_are_three_tries(gateway: Gateway) -> None:
    """Guessing in parallel buys no fourth guess."""
    phone, computer = await gateway.paired(), gateway.computer()
    await computer.begin()
    check_code = await phone.scan_and_approve(await computer.frame())
    guesses = [f"{number:03}" for number in range(51) if f"{number:03}" != check_code][:50]
    answers = await asyncio.gather(*(computer.type_check(guess) for guess in guesses))

    assert sum(body["code"] in ("check_code_wrong", "check_code_spent") for _, body in answers) == 3
    assert gateway.sam.associations == set()


async def test_a_right_check_code_counts_once(gateway: Gateway) -> None:
    """Typed twice at once: one association, the other is told that it is over."""
    phone, computer = await gateway.paired(), gateway.computer()
    await computer.begin()
    check_code = await phone.scan_and_approve(await computer.frame())
    answers = await asyncio.gather(*(computer.type_check(check_code) for _ in range(3)))

    assert sorted(status for status, _ in answers) == [200, 410, 410]
    assert await gateway.database.fetchval("SELECT count(*) FROM pairing.associations") == 1


@pytest.mark.parametrize("step", ["waiting", "claimed"])
async def test_a_check_code_before_the_approval_is_too_early(gateway: Gateway, step: str) -> None:
    """And it is not counted as a try."""
    phone, computer = await gateway.paired(), gateway.computer()
    await computer.begin()
    if step == "claimed":
        await phone.scan(await computer.frame())
    status, body = await computer.type_check("123")

    assert (status, body["code"]) == (409, "check_too_early")
    assert await gateway.database.fetchval("SELECT checks FROM pairing.links") == 0


# ---- the asking side ----


async def test_a_link_belongs_to_the_key_that_began_it(gateway: Gateway) -> None:
    """Another computer that learnt the id sees, types and ends nothing."""
    computer, thief = gateway.computer(), gateway.computer()
    await computer.begin()
    thief.link = computer.link
    answers = [
        await thief.call("GET", f"/links/v1/{computer.link}"),
        await thief.type_check("123"),
        await thief.call("DELETE", f"/links/v1/{computer.link}"),
        await thief.call("GET", "/links/v1/lnk_" + "0" * 26),
    ]

    assert {(status, body["code"]) for status, body in answers} == {(404, "link_not_found")}
    assert (await computer.look())["state"] == "waiting"


async def test_giving_up_ends_the_link_and_the_phone_is_told(gateway: Gateway) -> None:
    """Ctrl-C on the computer: what the phone shows is withdrawn."""
    phone, computer = await gateway.paired(), gateway.computer()
    await computer.begin()
    _, body = await phone.scan(await computer.frame())

    assert (await computer.call("DELETE", f"/links/v1/{computer.link}"))[0] == 204
    assert (await computer.look())["state"] == "dead"
    assert (await phone.decide(read_statement(body["statement"])))[1]["code"] == "document_decided"
    assert (await phone.call("GET", "/phone/v1/waiting"))[1]["items"] == []


async def test_starting_again_ends_what_was_open(gateway: Gateway) -> None:
    """One open link per key; the phone is not left with a document that leads nowhere."""
    phone, computer = await gateway.paired(), gateway.computer()
    await computer.begin()
    old = await computer.frame()
    await phone.scan(old)
    await computer.begin()

    assert (await phone.call("GET", "/phone/v1/waiting"))[1]["items"] == []
    assert (await phone.scan(old))[1]["code"] == "link_over"


async def test_a_refusal_is_told_to_the_computer(gateway: Gateway) -> None:
    """Refused, and nothing granted."""
    phone, computer = await gateway.paired(), gateway.computer()
    await computer.begin()
    _, body = await phone.scan(await computer.frame())
    status, answer = await phone.decide(read_statement(body["statement"]), "refuse:not-me")

    assert (status, answer) == (200, {"state": "refused"})
    assert (await computer.look())["state"] == "refused"
    assert gateway.sam.associations == set()


async def test_an_approval_that_comes_after_the_end_is_taken_back(gateway: Gateway) -> None:
    """The SAM granted it a moment after the link had died: the association ends again."""
    phone, computer = await gateway.paired(), gateway.computer()
    await computer.begin()
    _, body = await phone.scan(await computer.frame())
    await gateway.database.execute("UPDATE pairing.links SET state = 'dead', ended_by = 'give_up'")
    status, answer = await phone.decide(read_statement(body["statement"]))

    assert (status, answer["code"]) == (410, "link_over")
    assert gateway.sam.associations == set()


async def test_a_link_that_the_sam_would_not_ask_about_is_over(gateway: Gateway) -> None:
    """A claimed code is never shown again: the computer starts anew."""
    phone, computer = await gateway.paired(), gateway.computer()
    await computer.begin()
    frame = await computer.frame()
    gateway.sam.refuses = {"documents/associate"}
    status, _ = await phone.scan(frame)

    assert status == 503

    gateway.sam.refuses = set()
    view = await computer.look()

    assert (view["state"], view["ended_by"]) == ("dead", "not_asked")


async def test_the_check_code_is_told_again_to_the_phone_that_approved(gateway: Gateway) -> None:
    """The answer to an approval was lost on the way: repeating it gives the same check code, to nobody else."""
    phone, computer = await gateway.paired(), gateway.computer()
    await computer.begin()
    _, body = await phone.scan(await computer.frame())
    document = read_statement(body["statement"])
    first = await phone.decide(document)
    second = await phone.decide(document)
    refused = await phone.decide(document, "refuse:changed-mind")

    assert first == second
    assert refused[1]["code"] == "document_decided"
    assert (await computer.type_check(first[1]["next"]["check_code"]))[0] == 200
    assert (await phone.decide(document))[1]["code"] == "document_decided"


async def test_a_gateway_that_died_after_the_approval_catches_up(gateway: Gateway) -> None:
    """The SAM had decided, our row had not moved: the repeated decision moves it."""
    phone, computer = await gateway.paired(), gateway.computer()
    await computer.begin()
    _, body = await phone.scan(await computer.frame())
    document = read_statement(body["statement"])
    first = await phone.decide(document)
    await gateway.database.execute("UPDATE pairing.links SET state = 'claimed'")
    second = await phone.decide(document)

    assert first == second
    assert (await computer.look())["state"] == "approved"


async def test_an_approved_link_that_nobody_finished_is_swept(gateway: Gateway) -> None:
    """The holder approved and walked away: five minutes later nothing of it is left at the SAM."""
    phone, computer = await gateway.paired(), gateway.computer()
    await computer.begin()
    await phone.scan_and_approve(await computer.frame())

    assert await gateway.life.sweep() == 0
    assert len(gateway.sam.associations) == 1

    gateway.clock.advance(LINK_LIFE)

    assert await gateway.life.sweep() == 1
    assert gateway.sam.associations == set()
    assert await gateway.life.sweep() == 0


async def test_what_could_not_be_taken_back_is_tried_again(gateway: Gateway) -> None:
    """The SAM was away when the third wrong check code was typed; the sweep comes back to it."""
    phone, computer = await gateway.paired(), gateway.computer()
    await computer.begin()
    check_code = await phone.scan_and_approve(await computer.frame())
    guess = f"{(int(check_code) + 1) % 1000:03}"
    await computer.type_check(guess)
    await computer.type_check(guess)
    gateway.sam.away = True
    status, body = await computer.type_check(guess)

    assert (status, body["code"]) == (410, "check_code_spent")
    assert await gateway.life.sweep() == 1

    gateway.sam.away = False

    assert len(gateway.sam.associations) == 1
    assert await gateway.life.sweep() == 1
    assert gateway.sam.associations == set()


async def test_finished_and_refused_links_are_never_swept(gateway: Gateway) -> None:
    """What was associated stays, whatever the clock says."""
    phone, computer, other = await gateway.paired(), gateway.computer(), gateway.computer()
    await computer.associate(phone)
    await other.begin()
    _, body = await phone.scan(await other.frame())
    await phone.decide(read_statement(body["statement"]), "refuse:changed-mind")
    gateway.clock.advance(LINK_LIFE)

    assert await gateway.life.sweep() == 0
    assert len(gateway.sam.associations) == 1


async def test_starting_again_after_the_approval_takes_it_back(gateway: Gateway) -> None:
    """The computer restarts its program before the check code: the first approval leads nowhere."""
    phone, computer = await gateway.paired(), gateway.computer()
    await computer.begin()
    await phone.scan_and_approve(await computer.frame())
    await computer.begin()

    assert gateway.sam.associations == set()
    assert (await computer.look())["state"] == "waiting"


async def test_an_expired_link_does_not_bar_its_key(gateway: Gateway) -> None:
    """Nothing depends on somebody having swept."""
    computer = gateway.computer()
    await computer.begin()
    gateway.clock.advance(LINK_LIFE)
    await computer.begin()

    assert (await computer.look())["state"] == "waiting"


# ---- computers afterwards ----


async def test_a_computer_that_associates_again_keeps_its_id(gateway: Gateway) -> None:
    """The same key is the same computer, by whatever name it goes now."""
    phone, computer = await gateway.paired(), gateway.computer()
    first = await computer.associate(phone)
    second = await computer.associate(phone)

    assert first == second


async def test_a_phone_ends_its_association_only(gateway: Gateway) -> None:
    """Two people share a computer; one of them leaves it."""
    maria, jose, computer = await gateway.paired(), gateway.phone(), gateway.computer()
    await jose.pair(JOSE, JOSES)
    name = await computer.associate(maria)
    assert await computer.associate(jose) == name

    both = await gateway.computers.find(name)
    assert both is not None
    assert both.credentials == tuple(sorted([MARIAS, JOSES]))

    assert (await maria.call("DELETE", f"/phone/v1/computers/{name}"))[0] == 204
    assert (await maria.call("DELETE", f"/phone/v1/computers/{name}"))[1]["code"] == "computer_not_found"
    left = await gateway.computers.find(name)
    assert left is not None
    assert left.credentials == (JOSES,)
    assert {credential for _, _, credential in gateway.sam.associations} == {JOSES}


async def test_nobody_ends_another_phones_association(gateway: Gateway) -> None:
    """Another holder's computer and none at all look alike."""
    maria, jose, computer = await gateway.paired(), gateway.phone(), gateway.computer()
    await jose.pair(JOSE, JOSES)
    name = await computer.associate(maria)
    for one in (name, "cmp_" + "0" * 26, "x"):
        status, body = await jose.call("DELETE", f"/phone/v1/computers/{one}")
        assert (status, body["code"]) == (404, "computer_not_found")
    assert await gateway.computers.find(name) is not None


async def test_a_computer_ends_its_own_association(gateway: Gateway) -> None:
    """By its key alone, as often as it likes; another key may not."""
    phone, computer, thief = await gateway.paired(), gateway.computer(), gateway.computer()
    name = await computer.associate(phone)

    assert (await thief.call("DELETE", f"/links/v1/computers/{name}"))[1]["code"] == "computer_not_found"
    assert (await computer.call("DELETE", f"/links/v1/computers/{name}"))[0] == 204
    assert (await computer.call("DELETE", f"/links/v1/computers/{name}"))[0] == 204
    assert await gateway.computers.find(name) is None
    assert gateway.sam.associations == set()
    assert (await phone.call("GET", "/phone/v1/device"))[1]["computers"] == []


# ---- requests and identification ----


async def test_a_requests_code_opens_it_on_the_holders_phone_only(gateway: Gateway) -> None:
    """Push did not come: the QR on the computer leads to the request, for whom it is."""
    mine, other = await gateway.paired(), gateway.phone()
    await other.pair(JOSE, JOSES)
    request = gateway.sam.fix_sign(MARIAS)
    text = f"{APP}/r#1.{request.document}"
    status, body = await mine.scan(text)

    assert status == 200
    assert read_statement(body["statement"]).type == "sign"

    status, body = await other.scan(text)

    assert (status, body["code"]) == (404, "not_for_you")


async def test_an_authorize_page_identifies_a_holder(gateway: Gateway) -> None:
    """The same ceremony with a page's session in the place of a computer's key."""
    phone = await gateway.paired()
    session = "S" * 43
    begun = await gateway.links.begin_identify(
        session, AskingIntegrator("cli_" + "0" * 26, "Assinador ACME"), scope="service", address="203.0.113.7"
    )
    view = await gateway.links.look(begun.link, session)
    assert view.frame is not None
    status, body = await phone.scan(view.frame)
    document = read_statement(body["statement"])

    assert (status, document.type) == (200, "identify")
    assert document.object("integrator")["name"] == "Assinador ACME"

    _, body = await phone.decide(document)
    done = await gateway.links.check(begun.link, session, body["next"]["check_code"])

    assert done.computer is None
    assert done.device == phone.device
    assert [one.id for one in done.credentials] == [MARIAS]
    assert gateway.sam.associations == set()


async def test_the_address_and_names_in_the_document_are_cleaned(gateway: Gateway) -> None:
    """What a computer calls itself cannot play tricks on the approval screen."""
    phone, computer = await gateway.paired(), gateway.computer()
    await computer.begin(name="Notebook\u202e\n da Maria" + "x" * 100)
    _, body = await phone.scan(await computer.frame())
    shown = read_statement(body["statement"]).object("computer")

    assert "\u202e" not in str(shown["name"])
    assert len(str(shown["name"])) <= 64
    assert shown["address"] == "127.0.0.1"
