"""A phone's passkey at the gateway: its documents are fetched, its word goes through, the holder gets a letter."""

from typing import Any

from foundation.ids import new_id
from tests.pairing.conftest import Gateway
from tests.pairing.people import JOSES, MARIAS, read_statement
from tests.pairing.test_consents import KEY
from tests.support.sam_double import RIGHT_PROOF

NEW = {"id": "A" * 43, "key": KEY}
WORD = {"authenticator_data": "AA", "client_data": "AA", "signature": "AA"}
ASKED = {"credential": MARIAS, "passkey": NEW}


async def test_enrolled_asked_for_and_removed(gateway: Gateway) -> None:
    """Each by a document of the SAM's; its word is carried with a yes; a letter tells of either end."""
    phone = await gateway.paired()
    status, made = await phone.call("POST", "/phone/v1/passkeys", ASKED)
    assert status == 201
    document = read_statement(made["statement"])
    assert (document.type, document.object("passkey")["id"]) == ("passkey", NEW["id"])
    before = len(gateway.letters.sent)
    assert (await phone.decide(document, proof=RIGHT_PROOF))[1]["code"] == "passkey_needed"
    assert (await phone.decide(document, proof=RIGHT_PROOF, passkey=WORD))[1] == {"state": "approved"}
    [binding] = (await phone.call("GET", "/phone/v1/device"))[1]["bindings"]
    assert binding["passkey"] is True
    request = read_statement(gateway.sam.fix_sign(MARIAS).statement)
    status, body = await phone.decide(request, proof=RIGHT_PROOF)
    assert (status, body["code"], body["passkey"]) == (403, "passkey_needed", NEW["id"])
    assert (await phone.decide(request, proof=RIGHT_PROOF, passkey=WORD))[0] == 200
    status, made = await phone.call("POST", "/phone/v1/passkeys/end", {"credential": MARIAS})
    assert status == 201
    ending = read_statement(made["statement"])
    assert (await phone.decide(ending, proof=RIGHT_PROOF, passkey=WORD))[1] == {"state": "approved"}
    [binding] = (await phone.call("GET", "/phone/v1/device"))[1]["bindings"]
    assert binding["passkey"] is False
    assert [subject for _, subject in gateway.letters.sent[before:]] == [
        "Link ID: celular protegido pela tela de bloqueio",
        "Link ID: um celular não pede mais a tela de bloqueio",
    ]


async def test_of_somebody_elses_certificate(gateway: Gateway) -> None:
    """Only of one that this phone is bound to; without a paired phone nothing at all."""
    phone, stranger = await gateway.paired(), gateway.phone()
    for credential in (JOSES, new_id("cred"), "cred_x"):
        for path, more in (("passkeys", {"passkey": NEW}), ("passkeys/end", {})):
            status, body = await phone.call("POST", f"/phone/v1/{path}", {"credential": credential, **more})
            assert (status, body["code"]) == (404, "credential_not_of_phone")
            assert (await stranger.call("POST", f"/phone/v1/{path}", {"credential": MARIAS, **more}))[0] == 401


NO_PASSKEYS: list[Any] = [
    None, {}, "x", {**NEW, "id": 5}, {**NEW, "id": "A" * 1401}, {**NEW, "key": {**KEY, "d": "AA"}}, {**NEW, "x": 1},
]  # fmt: skip
NO_WORDS: list[Any] = [
    {}, "x", 5, {**WORD, "client_data": "A" * 2801}, {**WORD, "signature": None}, {**WORD, "x": ""},
]  # fmt: skip


async def test_what_is_no_passkey_and_no_word(gateway: Gateway) -> None:
    """Malformed or too large: refused before the SAM hears of it, and the request waits still."""
    phone = await gateway.paired()
    request = read_statement(gateway.sam.fix_sign(MARIAS).statement)
    asked = len(gateway.sam.calls)
    for passkey in NO_PASSKEYS:
        body = {"credential": MARIAS, "passkey": passkey}
        assert (await phone.call("POST", "/phone/v1/passkeys", body))[0] == 400, passkey
    for word in NO_WORDS:
        assert (await phone.decide(request, proof=RIGHT_PROOF, passkey=word))[0] == 400, word
    assert gateway.sam.calls[asked:] == []
    assert (await phone.decide(request, proof=RIGHT_PROOF))[0] == 200
