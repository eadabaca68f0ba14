"""How linked calls of the Brazilian API are led. A holder's phone is rung for what only their yes can give, a few times
in a run: an application may name one holder five times in ten minutes. Otherwise somebody is named whom nobody knows,
which is answered alike."""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import requests

from tests.sandbox.fuzz_codes import next_code
from tests.sandbox.fuzz_told import ALONE, HASH, SETTLE_SECONDS, SHA256, application, basic, chosen, drop, given, query

Chance = Callable[[], float]
ANA: Final = "70010020110"
_PUSHES: Final = 2
"""Of one run of `st`: each opens a session."""
_VIDAAS: Final = "/psc/vidaas/v0/oauth/authorize"
_POLL: Final = "/psc/vidaas/valid/api/v1/trusted-services/authentications"
_verifiers: dict[str, str] = {}
"""By code: what redeems it."""
_redeemed: set[str] = set()
_asked_of_ana: dict[str, str] = {}
"""By path: the token of the one request that this run made of her."""


def learn(case: Any, response: Any) -> None:
    """After each call: what the holder was asked."""
    label, body = case.operation.label, case.body
    if label not in _ASKS or response.status_code >= 300:
        return
    if ANA in (body.get("username"), body.get("login_hint")):
        _asked_of_ana[case.operation.path] = str(response.json()[_ASKS[label]])


_ASKS: Final = {"POST /psc/birdid/async-signature": "token", "POST /v0/oauth/authorize-ca": "identifierCA"}


def _ask_later(case: Any, chance: Chance) -> None:
    application(case)
    case.body.update(username=_holder(case), message="fuzz", hashes=[HASH], signature_format="RAW")
    drop(case.body, "lifetime")


def _ask_trust(case: Any, chance: Chance) -> None:
    application(case)
    case.body.update(login_hint=_holder(case))
    drop(case.body, "redirect_uri", "state", "lifetime", "max_signatures")


def _start(case: Any, chance: Chance) -> None:
    """It names nobody: `notify` does."""
    application(case)
    case.body.update(callback_url=given("FUZZ_CALLBACK", ""), scope="single_signature")
    drop(case.body, "username", "lifetime")


def _notify(case: Any, chance: Chance) -> None:
    case.body["username"] = _nobody()


def _what_became(case: Any, chance: Chance) -> None:
    """Of a start that came by a link; else of the one whose number a phone typed."""
    case.headers = basic()
    name = str(query(case).get("short_token", ""))
    case.query = {"short_token": name if name.startswith("pss_") else given("FUZZ_START", "")}


def _until_decided(case: Any, chance: Chance) -> None:
    """The holder's program takes a second; strangers are not waited for."""
    token = str((case.headers or {}).get("Authorization", "")).removeprefix("Bearer ")
    until = time.monotonic() + SETTLE_SECONDS
    if token != _asked_of_ana.get(case.operation.path):
        return
    while time.monotonic() < until:
        headers = {"Authorization": f"Bearer {token}"}
        if requests.get(_url(case.operation.path), headers=headers, timeout=30).status_code != 202:
            return
        time.sleep(0.3)


def _poll(case: Any, chance: Chance) -> None:
    pushed = _push()
    if pushed is not None:
        case.query = {"code": pushed}


def _token_by_code(case: Any, chance: Chance) -> None:
    """By a code that came by a link, unless it served: a second use would end what the first one gave."""
    application(case)
    code = str(case.body.get("code", ""))
    for name in set(case.body) - {"client_id", "client_secret", "code"}:
        del case.body[name]
    case.body["grant_type"] = "authorization_code"
    if code in _redeemed:
        case.body["code"] = "psa_served"
    elif code.startswith("psa_"):
        _redeemed.add(code)
        if code in _verifiers:
            case.body.update(code_verifier=_verifiers[code], redirect_uri="push://")


def _token_by_factors(case: Any, chance: Chance) -> None:
    application(case)
    code = next_code(case.operation.path)
    if code is not None:
        drop(case.body, "lifetime", "slot_alias")
        password = given("FUZZ_PASSWORD", "") + code
        case.body.update(username=ANA, password=password, grant_type="password", scope="signature_session")


def _sign(case: Any, chance: Chance) -> None:
    one = {"id": "1", "alias": "fuzz", "hash": HASH, "hash_algorithm": SHA256, "signature_format": "RAW"}
    case.body.clear()
    case.body["hashes"] = [one]


def _certificates(case: Any, chance: Chance) -> None:
    case.query = {}


def _client_token(case: Any, chance: Chance) -> None:
    application(case)
    for name in set(case.body) - {"client_id", "client_secret"}:
        del case.body[name]
    case.body["grant_type"] = "client_credentials"


def _revoke(case: Any, chance: Chance) -> None:
    application(case)


def _holder(case: Any) -> str:
    """Ana, once in the run for it; then strangers."""
    return _nobody() if ALONE != "named" or case.operation.path in _asked_of_ana else ANA


def _nobody() -> str:
    """A CPF by its check digits, of somebody who is no customer."""
    digits = [9, 9, *(chosen.randrange(10) for _ in range(7))]
    for _ in range(2):
        total = sum(digit * weight for digit, weight in zip(digits, range(len(digits) + 1, 1, -1), strict=True))
        digits.append(total * 10 % 11 % 10)
    return "".join(map(str, digits))


def _push() -> str | None:
    """VIDaaS's way, which has no page: what polls for a code that is there. None when this run of `st` had its own, or
    the holder was asked too often."""
    if ALONE != "identified" or len(_verifiers) == _PUSHES:
        return None
    verifier = secrets.token_urlsafe(32)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "client_id": given("CLIENT_ID", ""),
        "redirect_uri": "push://",
        "response_type": "code",
        "scope": "signature_session",
        "login_hint": ANA,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "lifetime": "600",
    }
    answer = requests.get(_url(_VIDAAS), params=asked, timeout=30)
    if answer.status_code != 200:
        return None
    secret, until = answer.text.removeprefix("code="), time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < until:
        answer = requests.get(_url(_POLL), params={"code": secret}, timeout=30)
        if answer.status_code == 200:
            _verifiers[str(json.loads(answer.text)["authorizationToken"])] = verifier
            return secret
        time.sleep(0.2)
    return None


def _url(path: str) -> str:
    return given("LINKID_URL", "") + path


LEADS: Final[Mapping[str, Callable[[Any, Chance], None]]] = {
    "POST /v0/oauth/token": _token_by_code,
    "POST /v0/oauth/client_token": _client_token,
    "POST /v0/oauth/revoke": _revoke,
    "POST /v0/oauth/signature": _sign,
    "GET /v0/oauth/certificate-discovery": _certificates,
    "POST /v0/oauth/pwd_authorize": _token_by_factors,
    "POST /v0/oauth/authorize-ca": _ask_trust,
    "GET /v0/oauth/authorize-ca": _until_decided,
    "GET /psc/vidaas/valid/api/v1/trusted-services/authentications": _poll,
    "POST /psc/birdid/async-signature": _ask_later,
    "GET /psc/birdid/async-signature": _until_decided,
    "POST /psc/birdid/oauth/start": _start,
    "POST /psc/birdid/oauth/notify": _notify,
    "GET /psc/birdid/oauth/start": _what_became,
}
"""By operation."""
