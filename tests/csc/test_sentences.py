"""Both versions' sentences, side by side: the same mistake, each in the names of the version spoken to. No server."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from foundation.errors import LinkIdError
from foundation.web import ErrorTable
from hsm_service.csc import dialect
from hsm_service.csc.dialect import V1, V2, Names, version1
from hsm_service.csc.problems import DIALECT
from tests.csc.test_dialect import NOT_ARRAYS, NOT_BASE64, NOT_NUMBERS, PSS, RSA, RSA_SHA256, SHA256, changed
from tests.support.signing_world import b64

HASHES = [b64(bytes(32)), b64(bytes(32))]
Reader = Callable[[dict[str, Any]], object]
READERS: dict[str, dict[Names, Reader]] = {
    "authorize": {V1: version1.read_authorize, V2: dialect.read_authorize},
    "signHash": {
        V1: lambda body: dialect.read_sign_hash(body, None, V1),
        V2: dialect.read_sign_hash,
    },
    "extendTransaction": {
        V1: lambda body: dialect.read_extend(body, V1),
        V2: dialect.read_extend,
    },
    "list": {V1: version1.read_list, V2: dialect.read_list},
    "info": {V1: dialect.read_credential_info, V2: dialect.read_credential_info},
}


def good(method: str, names: Names) -> dict[str, Any]:
    """A body that is taken."""
    hashes = {names.hashes: HASHES, names.hash_algorithm: SHA256}
    bodies: dict[str, dict[str, Any]] = {
        "authorize": {"credentialID": "cred_x", "numSignatures": 2, **hashes},
        "signHash": {"credentialID": "cred_x", "SAD": "sad_x", "signAlgo": RSA_SHA256, **hashes},
        "extendTransaction": {"credentialID": "cred_x", "SAD": "sad_x", **hashes},
        "list": {},
        "info": {"credentialID": "cred_x"},
    }
    return bodies[method]


MISSING = "Missing (or invalid type) {} parameter {}"
Row = tuple[str, str, list[Any], str]
BOTH_KNOW: list[Row] = [
    ("*", "HASHES", NOT_ARRAYS, MISSING.format("array", "HASHES")),
    ("*", "HASHES", [[]], "Empty hash array"),
    ("*", "HASHES", [["a"] * 101], "Numbers of signatures is too high"),
    ("*", "HASHES", [[HASHES[0], bad] for bad in NOT_BASE64], "Invalid Base64 hash string parameter"),
    ("*", "HASH_ALGORITHM", [1, True, [], {}], MISSING.format("string", "HASH_ALGORITHM")),
    ("*", "HASH_ALGORITHM", ["", "SHA-256", "1.3.14.3.2.26"], "Invalid parameter HASH_ALGORITHM"),
    ("*", "clientData", [1, True, [], {}, "x" * 70_000], "Invalid parameter clientData"),
]
TABLE: list[Row] = [
    *(
        (method, "credentialID", [..., None, "", 1, True, [], {}], MISSING.format("string", "credentialID"))
        for method in ("authorize", "signHash", "extendTransaction", "info")
    ),
    *(
        (method, "SAD", [..., None, "", 1, True, [], {}], MISSING.format("string", "SAD"))
        for method in ("signHash", "extendTransaction")
    ),
    *((method, *row[1:]) for method in ("authorize", "signHash", "extendTransaction") for row in BOTH_KNOW),
    ("authorize", "numSignatures", NOT_NUMBERS, MISSING.format("integer", "numSignatures")),
    ("authorize", "numSignatures", [0, -1, 1, 3], "Invalid value for parameter numSignatures"),
    ("authorize", "numSignatures", [101, 10**30], "Numbers of signatures is too high"),
    ("authorize", "description", [1, [], "x" * 501], "Invalid parameter description"),
    ("signHash", "signAlgo", [..., None, "", 1, []], MISSING.format("string", "signAlgo")),
    ("signHash", "signAlgo", ["1.2.840.113549.1.1.5", "x"], "Invalid parameter signAlgo"),
    ("signHash", "signAlgo", [PSS], MISSING.format("string", "signAlgoParams")),
    ("signHash", "signAlgoParams", [1, [], True], MISSING.format("string", "signAlgoParams")),
    ("list", "userID", ["maria", 1, [], ""], "userID parameter MUST be null"),
    ("list", "clientData", [1, [], {}], "Invalid parameter clientData"),
    ("info", "certificates", ["all", 1, [], True], "Invalid parameter certificates"),
    ("info", "certInfo", ["true", 1, []], "Invalid parameter certInfo"),
    ("info", "authInfo", ["true", 1, []], "Invalid parameter authInfo"),
]


@pytest.mark.parametrize("names", [V1, V2], ids=["v1", "v2"])
@pytest.mark.parametrize(("method", "member", "values", "sentence"), TABLE)
def test_the_same_mistake_in_each_versions_names(
    names: Names, method: str, member: str, values: list[Any], sentence: str
) -> None:
    """Status 400, ``invalid_request``, and the sentence with the member as that version calls it."""
    own = {"HASHES": names.hashes, "HASH_ALGORITHM": names.hash_algorithm}
    for name, its in own.items():
        sentence = sentence.replace(name, its)
    read = READERS[method][names]
    read(good(method, names))
    for value in values:
        body = changed(good(method, names), **{own.get(member, member): value})
        with pytest.raises(LinkIdError) as caught:
            read(body)
        answer = ErrorTable(DIALECT).respond(caught.value, path="/csc", request_id="rq_x")
        assert answer.status == 400
        said = json.loads(answer.text or "")
        assert said == {"error": "invalid_request", "error_description": sentence}, json.dumps(value)[:80]


@pytest.mark.parametrize("method", ["authorize", "signHash", "extendTransaction"])
def test_either_version_takes_the_others_names(method: str) -> None:
    """Clients in the field mix them; a version's own name goes before the other's."""
    for names, others in ((V1, V2), (V2, V1)):
        assert READERS[method][names](good(method, others)) == READERS[method][names](good(method, names))
        both = {**good(method, names), others.hashes: [HASHES[0]], others.hash_algorithm: "x"}
        assert READERS[method][names](both) == READERS[method][names](good(method, names))


def test_what_only_one_version_needs() -> None:
    """API 2 wants the hash's algorithm named where signAlgo does not say it; API 1 has a rule for that: its length."""
    for method in ("authorize", "extendTransaction"):
        with pytest.raises(LinkIdError) as caught:
            READERS[method][V2](changed(good(method, V2), hashAlgorithmOID=...))
        assert caught.value.detail == MISSING.format("string", "hashAlgorithmOID")
        assert READERS[method][V1](changed(good(method, V1), hashAlgo=...)) == READERS[method][V1](good(method, V1))
    for names in (V1, V2):
        with pytest.raises(LinkIdError) as caught:
            READERS["signHash"][names](changed(good("signHash", names), signAlgo=RSA, **{names.hash_algorithm: ...}))
        assert caught.value.detail == MISSING.format("string", names.hash_algorithm)
