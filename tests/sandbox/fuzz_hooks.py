"""What schemathesis is told of our API: tokens, and data that leads somewhere. Loaded by `st` (SCHEMATHESIS_HOOKS).

Random certificates, hashes and secrets would all be refused at the first rule. So half of the calls that are meant to
be valid name a test holder's certificate and the same hash, some ask for a session; what is meant to be invalid is sent
as it was made.
"""

# mypy: disable-error-code="attr-defined, no-untyped-call, untyped-decorator"

import json
import os
import random
import re
from typing import Any

import requests
import schemathesis

CREDENTIAL, TOKEN = os.environ.get("HOLDER_APPROVES", ""), os.environ.get("FUZZ_TOKEN", "")
HASH = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
SHA256, RSA = "2.16.840.1.101.3.4.2.1", "1.2.840.113549.1.1.11"
_BEHIND_A_TOKEN = re.compile("^/csc/v[12]/(credentials|signatures|linkid|auth/revoke)")
_tried: set[str] = set()
_random = random.Random(int(os.environ.get("FUZZ_SEED", "1")))


@schemathesis.auth().apply_to(path_regex=_BEHIND_A_TOKEN.pattern)
class Token:
    """The sandbox's application."""

    def get(self, case: Any, context: Any) -> str:
        return TOKEN

    def set(self, case: Any, data: str, context: Any) -> None:
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {data}"}


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Leads half of what is meant to be valid to where signatures are made."""
    body, path = case.body, case.operation.path
    if path == "/csc/v1/credentials/authorize":
        case.headers = {**(case.headers or {}), "Prefer": "wait=0"}  # it would wait for the phone
    meant = case.meta is not None and case.meta.generation.mode.value == "positive"
    if not meant or not isinstance(body, dict) or _random.random() < 0.5:
        return
    body = case.body = dict(body)  # what it was made from may serve again
    if "credentialID" in body:
        body["credentialID"] = CREDENTIAL
    hashes = "hash" if path.startswith("/csc/v1/") else "hashes"
    if path.endswith("credentials/authorize"):
        body.update({hashes: [HASH]}, numSignatures=1, hashAlgorithmOID=SHA256, signAlgo=RSA)
        for name in ("authData", "signAlgoParams", "clientData", "description", "PIN", "OTP", "hashAlgo"):
            body.pop(name, None)
        if _random.random() < 0.25:
            del body[hashes]
            body.update(numSignatures=5, clientData=json.dumps({"session": {"seconds": 120, "purpose": "fuzz"}}))
    elif path.endswith("credentials/authorizeCheck"):
        case.headers = {**(case.headers or {}), "Prefer": "wait=2"}
    elif path.endswith("signatures/signHash"):
        body.update({hashes: [HASH]}, hashAlgorithmOID=SHA256, signAlgo=RSA)
        for name in ("signAlgoParams", "clientData", "operationMode", "hashAlgo"):
            body.pop(name, None)


@schemathesis.check
def refuses_strangers(context: Any, response: Any, case: Any) -> None:
    """Whatever was answered to the application is refused to one without its token."""
    path = case.operation.path
    if not _BEHIND_A_TOKEN.match(path) or response.status_code >= 300 or path in _tried:
        return
    _tried.add(path)
    asked = requests.Request("POST", response.request.url, data=response.request.body)
    for authorization in (None, "Bearer at_0000000000000000000000000a", f"Bearer {TOKEN[:-1]}", "rubbish"):
        asked.headers = {"Content-Type": "application/json"}
        if authorization is not None:
            asked.headers["Authorization"] = authorization
        with requests.Session() as session:
            again = session.send(asked.prepare())
        assert again.status_code in (400, 401), f"{path} answered {again.status_code} to {authorization}"
        assert "error" in again.json()


@schemathesis.serializer("application/ocsp-request", "application/timestamp-query")
def as_bytes(context: Any, value: Any) -> bytes:
    """Any bytes at all."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
