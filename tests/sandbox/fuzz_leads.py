"""How calls that are meant to be valid are led to where signatures are made, and to answers that links begin at."""

import json
import random
import time
from collections.abc import Callable
from typing import Any, Final

import requests

from tests.sandbox import fuzz_psc
from tests.sandbox.fuzz_codes import next_code
from tests.sandbox.fuzz_told import (
    ALONE,
    FOLDER,
    HASH,
    SETTLE_SECONDS,
    SHA256,
    TOKEN,
    application,
    chosen,
    drop,
    given,
    query,
)

RSA: Final = "1.2.840.113549.1.1.11"
_DIGESTS: Final = [
    {
        "hashes": [HASH],
        "hashAlgorithmOID": SHA256,
        "signature_format": "C",
        "conformance_level": "AdES-B-B",
        "signAlgo": RSA,
    }
]
_SECRETS: Final = ("handle", "SAD", "token", "requestID", "credentialID", "code", "short_token", "request_uri")
"""What links fill in: new each time."""
_LINKED: Final = 0.9
"""Of the calls that follow each other, where they are not alone."""
_asked: dict[str, str] = (
    json.loads((FOLDER / "asked").read_text(encoding="utf-8")) if FOLDER and (FOLDER / "asked").exists() else {}
)
"""By certificate: the handle of what its holder may be deciding."""
_IGNORES: Final = given("HOLDER_IGNORES", "")


def lead(case: Any) -> None:
    """Half of them, by themselves: to a test holder's certificate."""
    if chosen.random() < 0.5:
        return
    body, path = case.body, case.operation.path
    _name(body)
    if path.endswith("credentials/authorize"):
        _ask(body, path)
        if chosen.random() < 0.25:
            _for_session(body, path)
    elif path.endswith("credentials/authorizeCheck"):
        _prefer(case, 2)
    elif path.endswith("signatures/signHash"):
        _sign(body, path)


def lead_linked(case: Any) -> None:
    """Nine of ten, and alone all: to the answers that links begin at, and through those that they lead to."""
    label, chance = case.operation.label, _chance(case)
    found, body = _LEADS.get(label), case.body
    if found is None or not (isinstance(body, dict) or label.startswith("GET ")):
        return
    if not ALONE and chance() >= _LINKED:  # the plainest bodies come most often, and alone have to arrive
        return
    if isinstance(body, dict) and found is not _look:
        _name(body)
    found(case, chance)


def learn(case: Any, response: Any) -> None:
    """After each call: what was asked of whom."""
    path, body = case.operation.path, case.body
    if path == "/csc/v2/credentials/authorize" and response.status_code == 202:
        _keep(body["credentialID"], response.json()["handle"])
    fuzz_psc.learn(case, response)


def _chance(case: Any) -> Callable[[], float]:
    """Numbers that follow from what was generated: Hypothesis ends a run in which the same choices lead elsewhere."""
    generated = [part for part in (case.body, case.query) if isinstance(part, dict)]
    made = {name: value for part in generated for name, value in part.items() if name not in _SECRETS}
    return random.Random(f"{case.operation.label} {json.dumps(made, sort_keys=True, default=str)}").random


def _keep(credential: str, handle: str) -> None:
    """Also for the next run of `st`: its application is the same."""
    _asked[credential] = handle
    if FOLDER is not None:
        (FOLDER / "asked").write_text(json.dumps(_asked), encoding="utf-8")


def _name(body: dict[str, Any]) -> None:
    if "credentialID" in body:
        body["credentialID"] = given("HOLDER_APPROVES", "")


def _hashes(path: str) -> str:
    return "hash" if path.startswith("/csc/v1/") else "hashes"


def _ask(body: dict[str, Any], path: str) -> None:
    body.update({_hashes(path): [HASH]}, numSignatures=1, hashAlgorithmOID=SHA256, signAlgo=RSA)
    drop(body, "authData", "signAlgoParams", "clientData", "description", "PIN", "OTP", "hashAlgo")


def _for_session(body: dict[str, Any], path: str) -> None:
    del body[_hashes(path)]
    body.update(numSignatures=5, clientData=json.dumps({"session": {"seconds": 120, "purpose": "fuzz"}}))


def _sign(body: dict[str, Any], path: str) -> None:
    body.update({_hashes(path): [HASH]}, hashAlgorithmOID=SHA256, signAlgo=RSA)
    drop(body, "signAlgoParams", "clientData", "operationMode", "hashAlgo")


def _prefer(case: Any, seconds: int) -> None:
    case.headers = {**(case.headers or {}), "Prefer": f"wait={seconds}"}


def _authorize(case: Any, chance: Callable[[], float]) -> None:
    """200 by the holder's factors, as long as there are codes; or 202: the holder decides at once, or never.

    Where calls wait alone the one who never decides is asked by ``_undecided`` only: each time that he is asked anew
    the other request is given up, and after a few of those nobody may ask him for an hour.
    """
    body, path = case.body, case.operation.path
    case.headers = {name: value for name, value in (case.headers or {}).items() if name != "Idempotency-Key"}
    _ask(body, path)
    drop(body, "documents", "documentDigests")
    way = chance()
    if (code := next_code(path)) is not None:
        body["authData"] = [{"id": "password", "value": given("FUZZ_PASSWORD")}, {"id": "code", "value": code}]
        return
    if way < 0.4 and ALONE != "waiting":
        body["credentialID"] = _IGNORES
        drop(body, "signAlgo")  # his key is another
        _settle(_IGNORES, withdraw=True)
        return
    if way < 0.55:
        _for_session(body, path)
    elif way < 0.7:
        drop(body, "hashes", "signAlgo", "hashAlgorithmOID")
        body["documentDigests"] = _DIGESTS
    _settle(body["credentialID"])


def _settle(credential: str, *, withdraw: bool = False) -> None:
    """An application has one request before a holder: the last one is decided first, or given up."""
    handle, until = _asked.pop(credential, None), time.monotonic() + SETTLE_SECONDS
    if handle is not None and withdraw:
        _csc("linkid/withdraw", {"handle": handle})
    while handle is not None and time.monotonic() < until:
        answer = _csc("credentials/authorizeCheck", {"handle": handle})
        handle = answer.json()["handle"] if answer.status_code == 202 else None


def _csc(method: str, body: dict[str, Any], wait: int = 5) -> requests.Response:
    headers = {"Authorization": f"Bearer {TOKEN}", "Prefer": f"wait={wait}"}
    return requests.post(f"{given('LINKID_URL')}/csc/v2/{method}", json=body, headers=headers, timeout=30)


def _check(case: Any, chance: Callable[[], float]) -> None:
    """A handle that came by a link stays; else the session's, or of one who does not decide."""
    body = case.body
    if not str(body.get("handle", "")).startswith("hdl_"):
        undecided = ALONE == "waiting" or chance() < 0.5
        body["handle"] = _undecided() if undecided else given("FUZZ_HANDLE", "")
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
        body["SAD"] = given("FUZZ_SAD", "")


def _sign_hash(case: Any, chance: Callable[[], float]) -> None:
    _by_sad(case.body)
    _sign(case.body, case.operation.path)
    drop(case.body, "validity_period")
    _perhaps_later(case.body, chance)


def _perhaps_later(body: dict[str, Any], chance: Callable[[], float]) -> None:
    if chance() < 0.85:
        body["operationMode"] = "A"


def _sign_doc(case: Any, chance: Callable[[], float]) -> None:
    body = case.body
    _by_sad(body)
    drop(body, "documents", "clientData", "operationMode", "validity_period", "returnValidationInfo")
    body["documentDigests"] = _DIGESTS
    _perhaps_later(body, chance)


def _extend(case: Any, chance: Callable[[], float]) -> None:
    _by_sad(case.body)
    case.body.update(hashes=[HASH], hashAlgorithmOID=SHA256)
    drop(case.body, "clientData")


def _collect(case: Any, chance: Callable[[], float]) -> None:
    drop(case.body, "clientData", "userID")


def _authorize_1(case: Any, chance: Callable[[], float]) -> None:
    """It waits for the holder itself."""
    _ask(case.body, case.operation.path)
    _settle(case.body["credentialID"])
    _prefer(case, 10)


def _sign_hash_1(case: Any, chance: Callable[[], float]) -> None:
    _by_sad(case.body)
    _sign(case.body, case.operation.path)


def _client(case: Any, chance: Callable[[], float]) -> None:
    application(case)


def _token(case: Any, chance: Callable[[], float]) -> None:
    _client(case, chance)
    for name in set(case.body) - {"client_id", "client_secret"}:
        del case.body[name]
    case.body["grant_type"] = "client_credentials"


def _push(case: Any, chance: Callable[[], float]) -> None:
    """A request that the page takes."""
    application(case)
    for name in set(case.body) - {"client_id", "client_secret"}:
        del case.body[name]
    challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    case.body.update(response_type="code", scope="service", redirect_uri=given("FUZZ_CALLBACK"))
    case.body.update(code_challenge=challenge, code_challenge_method="S256")


def _show(case: Any, chance: Callable[[], float]) -> None:
    pushed = query(case).get("request_uri")
    case.query = {"client_id": given("CLIENT_ID", "")} | ({} if pushed is None else {"request_uri": pushed})


def _look(case: Any, chance: Callable[[], float]) -> None:
    """At the certificate that came by a link."""
    if not str(case.body.get("credentialID", "")).startswith("cred_"):
        _name(case.body)


def _list(case: Any, chance: Callable[[], float]) -> None:
    """All of them."""
    case.body.clear()


_LEADS: Final[dict[str, Callable[[Any, Callable[[], float]], None]]] = {
    "POST /csc/v2/credentials/authorize": _authorize,
    "POST /csc/v2/credentials/authorizeCheck": _check,
    "POST /csc/v2/credentials/extendTransaction": _extend,
    "POST /csc/v2/credentials/list": _list,
    "POST /csc/v2/credentials/info": _look,
    "POST /csc/v2/signatures/signHash": _sign_hash,
    "POST /csc/v2/signatures/signDoc": _sign_doc,
    "POST /csc/v2/signatures/signPolling": _collect,
    "POST /csc/v1/credentials/list": _list,
    "POST /csc/v1/credentials/info": _look,
    "POST /csc/v1/credentials/authorize": _authorize_1,
    "POST /csc/v1/signatures/signHash": _sign_hash_1,
    "POST /oauth2/token": _token,
    "POST /oauth2/pushed_authorize": _push,
    "GET /oauth2/authorize": _show,
    "POST /oauth2/introspect": _client,
    "POST /oauth2/revoke": _client,
    "POST /csc/v1/oauth2/token": _token,
    "POST /csc/v1/oauth2/revoke": _client,
    **fuzz_psc.LEADS,
}
"""By operation."""
