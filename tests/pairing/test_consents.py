"""Consents and generators at the phone's side of a gateway: decided like requests, listed, ended, off by a setting."""

from datetime import timedelta

from foundation.ids import new_id
from pairing.ports import GivenConsent
from protocol.documents import Document
from tests.pairing.conftest import Gateway, MakeGateway
from tests.pairing.people import JOSES, MARIAS, Phone, read_statement
from tests.support.sam_double import RIGHT_PROOF

KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "8PT9J8Uh-QPGTcRTWgOTM8Naah-uhBxm0VCR5f8PPdo",
    "y": "6NRrm5wTBwFGTf0kLzbvASZFtmJBEkRBBD9jmnRtKHE",
}


def given(gateway: Gateway, credential: str = MARIAS) -> GivenConsent:
    """A consent that the SAM tells of."""
    now = gateway.clock.now()
    made = GivenConsent(
        consent=new_id("req"), credential=credential, caller_name="Hospital", purpose="Plantão",
        until=now + timedelta(days=8), maximum=200, used=3, created=now, last_used=None,
    )  # fmt: skip
    gateway.sam.given[made.consent] = made
    return made


async def test_listed(gateway: Gateway) -> None:
    """Of whom, what for, until when, how far it has gone; whether there are such things here at all."""
    phone = await gateway.paired()
    consent = given(gateway)
    given(gateway, JOSES)
    assert await phone.call("GET", "/phone/v1/consents") == (
        200,
        {
            "offered": True,
            "consents": [
                {
                    "consent": consent.consent, "credential": MARIAS,
                    "caller": {"kind": "integrator", "name": "Hospital"}, "purpose": "Plantão",
                    "until": "2026-12-01T12:00:00Z", "maximum": 200, "used": 3, "created": "2026-11-23T12:00:00Z",
                    "last_used": None,
                }
            ],
        },
    )  # fmt: skip


async def test_ended(gateway: Gateway) -> None:
    """By its holder's phone; somebody else's, and one that never was, are not found."""
    phone: Phone = await gateway.paired()
    consent, other = given(gateway), given(gateway, JOSES)
    for id_ in (other.consent, new_id("req"), "req_x", new_id("act")):
        status, body = await phone.call("POST", f"/phone/v1/consents/{id_}/end")
        assert (status, body["code"]) == (404, "consent_not_found")
    assert (await phone.call("POST", f"/phone/v1/consents/{consent.consent}/end"))[0] == 204
    assert list(gateway.sam.given) == [other.consent]


async def test_a_generator_is_decided_and_delivered(gateway: Gateway) -> None:
    """Its document names the key that the phone made; what is delivered comes with the answer to the yes."""
    phone = await gateway.paired()
    body = {"credential": MARIAS, "delivery_key": KEY}
    status, made = await phone.call("POST", "/phone/v1/generators", body)
    assert status == 201
    document: Document = read_statement(made["statement"])
    assert (document.type, document.text("credential")) == ("generator", MARIAS)
    assert document.text("delivery_key") == "izsJ5rU-BCF61Zv_W9QEBVaHF7k_TDBjqG8cDY3xsIs"
    status, answer = await phone.decide(document, "approve", proof=RIGHT_PROOF)
    assert (status, answer["state"]) == (200, "approved")
    assert set(answer["next"]["generator"]) == {"id", "sealed"}


async def test_a_generator_of_somebody_elses(gateway: Gateway) -> None:
    """Only of a certificate that this phone is bound to, and for a key that is one."""
    phone = await gateway.paired()
    for credential in (JOSES, new_id("cred"), "cred_x"):
        status, body = await phone.call("POST", "/phone/v1/generators", {"credential": credential, "delivery_key": KEY})
        assert (status, body["code"]) == (404, "credential_not_of_phone")
    for key in (None, {}, {**KEY, "d": "AA"}, {**KEY, "x": 5}, "AA"):
        status, _ = await phone.call("POST", "/phone/v1/generators", {"credential": MARIAS, "delivery_key": key})
        assert status == 400


async def test_where_nobody_offers_it(make_gateway: MakeGateway) -> None:
    """The list says so and the SAM is not asked; no generator is made; an end works all the same."""
    gateway = await make_gateway(offered=False)
    phone = await gateway.paired()
    consent = given(gateway)
    assert await phone.call("GET", "/phone/v1/consents") == (200, {"offered": False, "consents": []})
    status, body = await phone.call("POST", "/phone/v1/generators", {"credential": MARIAS, "delivery_key": KEY})
    assert (status, body["code"]) == (403, "explicit_off")
    assert (await phone.call("POST", f"/phone/v1/consents/{consent.consent}/end"))[0] == 204


async def test_a_stranger_sees_and_ends_nothing(gateway: Gateway) -> None:
    """Without a paired phone's token there is nothing here."""
    consent = given(gateway)
    phone = gateway.phone()
    assert (await phone.call("GET", "/phone/v1/consents"))[0] == 401
    assert (await phone.call("POST", f"/phone/v1/consents/{consent.consent}/end"))[0] == 401
    assert (await phone.call("POST", "/phone/v1/generators", {"credential": MARIAS, "delivery_key": KEY}))[0] == 401
