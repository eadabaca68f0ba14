"""How calls that are meant to be valid are led to where signatures are made, and to answers that links begin at."""

import base64
import hashlib
import json
import os
import random
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import requests

from protocol.codes import PERIOD

TOKEN: Final = os.environ.get("FUZZ_TOKEN", "")
HASH: Final = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
SHA256, RSA = "2.16.840.1.101.3.4.2.1", "1.2.840.113549.1.1.11"
_DIGESTS: Final = [
    {
        "hashes": [HASH],
        "hashAlgorithmOID": SHA256,
        "signature_format": "C",
        "conformance_level": "AdES-B-B",
        "signAlgo": RSA,
    }
]
_SECRETS: Final = ("handle", "SAD", "token", "requestID")
"""What links fill in: new each time."""
_LINKED: Final = 0.9
"""Of the calls that follow each other."""
_VIDAAS: Final = "/psc/vidaas/v0/oauth/authorize"
_POLL: Final = "/psc/vidaas/valid/api/v1/trusted-services/authentications"
_random = random.Random(int(os.environ.get("FUZZ_SEED", "1")))
_given: Final = os.environ.get
_first, _, _codes = _given("FUZZ_CODES", "0 ").partition(" ")
_FOLDER: Final = Path(_given("FUZZ_FOLDER", "")) if _given("FUZZ_FOLDER") else None
_asked: dict[str, str] = (
    json.loads((_FOLDER / "asked").read_text(encoding="utf-8")) if _FOLDER and (_FOLDER / "asked").exists() else {}
)
"""By certificate: the handle of what its holder may be deciding."""
_FACTORS: Final = _given("FUZZ_FACTORS") == "yes"
_used: list[int] = []
"""Steps whose codes this run of `st` used."""
_IDENTITIES: Final = 2
_identities: list[str] = []
_IGNORES: Final = _given("HOLDER_IGNORES", "")
_SETTLE_SECONDS: Final = 20.0


def lead(case: Any) -> None:
    """Half of them, by themselves: to a test holder's certificate."""
    if _random.random() < 0.5:
        return
    body, path = case.body, case.operation.path
    _name(body)
    if path.endswith("credentials/authorize"):
        _ask(body, path)
        if _random.random() < 0.25:
            _for_session(body, path)
    elif path.endswith("credentials/authorizeCheck"):
        _prefer(case, 2)
    elif path.endswith("signatures/signHash"):
        _sign(body, path)


def lead_linked(case: Any) -> None:
    """Nine of ten: to the answers that links begin at, and through those that they lead to."""
    found, chance = _LEADS.get(case.operation.path), _chance(case)
    if found is not None and chance() < _LINKED:
        _name(case.body)
        found(case, chance)


def learn(case: Any, response: Any) -> None:
    """After each call: what was asked of whom."""
    path, body = case.operation.path, case.body
    if path == "/csc/v2/credentials/authorize" and response.status_code == 202:
        _keep(body["credentialID"], response.json()["handle"])


def _chance(case: Any) -> Callable[[], float]:
    """Numbers that follow from what was generated: Hypothesis ends a run in which the same choices lead elsewhere."""
    made = {name: value for name, value in case.body.items() if name not in _SECRETS}
    return random.Random(f"{case.operation.label} {json.dumps(made, sort_keys=True, default=str)}").random


def _keep(credential: str, handle: str) -> None:
    """Also for the next run of `st`: its application is the same."""
    _asked[credential] = handle
    if _FOLDER is not None:
        (_FOLDER / "asked").write_text(json.dumps(_asked), encoding="utf-8")


def _name(body: dict[str, Any]) -> None:
    if "credentialID" in body:
        body["credentialID"] = _given("HOLDER_APPROVES", "")


def _drop(body: dict[str, Any], *names: str) -> None:
    for name in names:
        body.pop(name, None)


def _hashes(path: str) -> str:
    return "hash" if path.startswith("/csc/v1/") else "hashes"


def _ask(body: dict[str, Any], path: str) -> None:
    body.update({_hashes(path): [HASH]}, numSignatures=1, hashAlgorithmOID=SHA256, signAlgo=RSA)
    _drop(body, "authData", "signAlgoParams", "clientData", "description", "PIN", "OTP", "hashAlgo")


def _for_session(body: dict[str, Any], path: str) -> None:
    del body[_hashes(path)]
    body.update(numSignatures=5, clientData=json.dumps({"session": {"seconds": 120, "purpose": "fuzz"}}))


def _sign(body: dict[str, Any], path: str) -> None:
    body.update({_hashes(path): [HASH]}, hashAlgorithmOID=SHA256, signAlgo=RSA)
    _drop(body, "signAlgoParams", "clientData", "operationMode", "hashAlgo")


def _prefer(case: Any, seconds: int) -> None:
    case.headers = {**(case.headers or {}), "Prefer": f"wait={seconds}"}


def _authorize(case: Any, chance: Callable[[], float]) -> None:
    """200 by the holder's factors, as long as there are codes; or 202: the holder decides at once, or never."""
    body, path = case.body, case.operation.path
    case.headers = {name: value for name, value in (case.headers or {}).items() if name != "Idempotency-Key"}
    _ask(body, path)
    _drop(body, "documents", "documentDigests")
    way = chance()
    if _FACTORS and (code := _next_code()) is not None:
        body["authData"] = [{"id": "password", "value": _given("FUZZ_PASSWORD")}, {"id": "code", "value": code}]
        return
    if way < 0.4:
        body["credentialID"] = _IGNORES
        _drop(body, "signAlgo")  # his key is another
        _settle(_IGNORES, withdraw=True)
        return
    if way < 0.55:
        _for_session(body, path)
    elif way < 0.7:
        _drop(body, "hashes", "signAlgo", "hashAlgorithmOID")
        body["documentDigests"] = _DIGESTS
    _settle(body["credentialID"])


def _settle(credential: str, *, withdraw: bool = False) -> None:
    """An application has one request before a holder: the last one is decided first, or given up."""
    handle, until = _asked.pop(credential, None), time.monotonic() + _SETTLE_SECONDS
    if handle is not None and withdraw:
        _csc("linkid/withdraw", {"handle": handle})
    while handle is not None and time.monotonic() < until:
        answer = _csc("credentials/authorizeCheck", {"handle": handle})
        handle = answer.json()["handle"] if answer.status_code == 202 else None


def _csc(method: str, body: dict[str, Any], wait: int = 5) -> requests.Response:
    headers = {"Authorization": f"Bearer {TOKEN}", "Prefer": f"wait={wait}"}
    return requests.post(f"{_given('LINKID_URL')}/csc/v2/{method}", json=body, headers=headers, timeout=30)


def _next_code() -> str | None:
    """One that the SAM takes now and took never before: two at once, then one in thirty seconds. The first of a run is
    waited for; None instead of later ones."""
    if not _codes or _FOLDER is None:
        return None
    kept = _FOLDER / "step"
    step = max(int(kept.read_text(encoding="utf-8")) + 1, int(time.time()) // PERIOD)
    while step > int(time.time()) // PERIOD + 1:
        if _used:  # more of them would only take time
            return None
        time.sleep(0.5)
    _used.append(step)
    kept.write_text(str(step), encoding="utf-8")
    return _codes.split(",")[step - int(_first)]


def _check(case: Any, chance: Callable[[], float]) -> None:
    """A handle that came by a link stays; else the session's, or of one who does not decide."""
    body = case.body
    if not str(body.get("handle", "")).startswith("hdl_"):
        body["handle"] = _undecided() if chance() < 0.5 else _given("FUZZ_HANDLE", "")
    _prefer(case, 0 if body["handle"] == _asked.get(_IGNORES) else 5)


def _undecided() -> str:
    """A handle for which there is no decision yet: the same one as long as it lives."""
    known = _asked.get(_IGNORES)
    if known is None or _csc("credentials/authorizeCheck", {"handle": known}, 0).status_code != 202:
        asked = {"credentialID": _IGNORES, "numSignatures": 1, "hashes": [HASH], "hashAlgorithmOID": SHA256}
        _keep(_IGNORES, str(_csc("credentials/authorize", asked).json().get("handle", known)))
    return _asked[_IGNORES]


def _by_sad(body: dict[str, Any]) -> None:
    if not str(body.get("SAD", "")).startswith("sad_"):
        body["SAD"] = _given("FUZZ_SAD", "")


def _sign_hash(case: Any, chance: Callable[[], float]) -> None:
    _by_sad(case.body)
    _sign(case.body, case.operation.path)
    _drop(case.body, "validity_period")
    _perhaps_later(case.body, chance)


def _perhaps_later(body: dict[str, Any], chance: Callable[[], float]) -> None:
    if chance() < 0.85:
        body["operationMode"] = "A"


def _sign_doc(case: Any, chance: Callable[[], float]) -> None:
    body = case.body
    _by_sad(body)
    _drop(body, "documents", "clientData", "operationMode", "validity_period", "returnValidationInfo")
    body["documentDigests"] = _DIGESTS
    _perhaps_later(body, chance)


def _extend(case: Any, chance: Callable[[], float]) -> None:
    _by_sad(case.body)
    case.body.update(hashes=[HASH], hashAlgorithmOID=SHA256)
    _drop(case.body, "clientData")


def _collect(case: Any, chance: Callable[[], float]) -> None:
    _drop(case.body, "clientData", "userID")


def _authorize_1(case: Any, chance: Callable[[], float]) -> None:
    """It waits for the holder itself."""
    _ask(case.body, case.operation.path)
    _settle(case.body["credentialID"])
    _prefer(case, 10)


def _sign_hash_1(case: Any, chance: Callable[[], float]) -> None:
    _by_sad(case.body)
    _sign(case.body, case.operation.path)


def _client(case: Any, chance: Callable[[], float]) -> None:
    """The application says who it is in the form, and nowhere else."""
    case.headers = {name: value for name, value in (case.headers or {}).items() if name.lower() != "authorization"}
    for name in ("client_assertion", "client_assertion_type"):
        case.body.pop(name, None)
    case.body.update(client_id=_given("CLIENT_ID", ""), client_secret=_given("CLIENT_SECRET", ""))


def _token(case: Any, chance: Callable[[], float]) -> None:
    _client(case, chance)
    for name in set(case.body) - {"client_id", "client_secret"}:
        del case.body[name]
    case.body["grant_type"] = "client_credentials"


def _token_by_code(case: Any, chance: Callable[[], float]) -> None:
    """The holder identifies on the phone, asked by VIDaaS's way, which has no page."""
    verifier = secrets.token_urlsafe(32)
    code = _identified(verifier)
    if code is not None:
        _client(case, chance)
        case.body.update(grant_type="authorization_code", code=code, code_verifier=verifier, redirect_uri="push://")


def _identified(verifier: str) -> str | None:
    """A code; None when this run of `st` had its own, or the holder was asked too often."""
    if len(_identities) == _IDENTITIES:
        return None
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "client_id": _given("CLIENT_ID", ""),
        "redirect_uri": "push://",
        "response_type": "code",
        "scope": "single_signature",
        "login_hint": _random.choice(("70010020110", "70010020462")),
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "lifetime": "600",
    }
    url = _given("LINKID_URL", "")
    answer = requests.get(url + _VIDAAS, params=asked, timeout=30)
    if answer.status_code != 200:
        return None
    poll, until = {"code": answer.text.removeprefix("code=")}, time.monotonic() + _SETTLE_SECONDS
    while time.monotonic() < until:
        answer = requests.get(url + _POLL, params=poll, timeout=30)
        if answer.status_code == 200:
            _identities.append(str(answer.json()["authorizationToken"]))
            return _identities[-1]
        time.sleep(0.2)
    return None


_LEADS: Final[dict[str, Callable[[Any, Callable[[], float]], None]]] = {
    "/csc/v2/credentials/authorize": _authorize,
    "/csc/v2/credentials/authorizeCheck": _check,
    "/csc/v2/credentials/extendTransaction": _extend,
    "/csc/v2/signatures/signHash": _sign_hash,
    "/csc/v2/signatures/signDoc": _sign_doc,
    "/csc/v2/signatures/signPolling": _collect,
    "/csc/v1/credentials/authorize": _authorize_1,
    "/csc/v1/signatures/signHash": _sign_hash_1,
    "/oauth2/token": _token,
    "/oauth2/introspect": _client,
    "/oauth2/revoke": _client,
    "/csc/v1/oauth2/token": _token,
    "/csc/v1/oauth2/revoke": _client,
    "/v0/oauth/token": _token_by_code,
    "/v0/oauth/client_token": _token,
    "/v0/oauth/revoke": _client,
}
"""By path."""
