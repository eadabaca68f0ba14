"""CSC's JSON, read and written: types, names, sentences, OIDs. No server."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from asn1crypto import algos

from foundation.errors import LinkIdError, every_error
from hsm_service.csc import algorithms, dialect
from hsm_service.csc.errors import InvalidAuthenticationData, InvalidRequest
from hsm_service.csc.problems import DIALECT, ENTRIES, TEXTS
from hsm_service.csc.web.calls import preferred_wait
from hsm_service.signing.domain.algorithms import possible
from hsm_service.signing.domain.request import Label
from protocol.algorithms import KEY_ALGORITHMS, SIGN_ALGORITHMS
from tests.support.signing_world import NOW, b64, new_credential

SHA256, SHA384, SHA512 = (f"2.16.840.1.101.3.4.2.{n}" for n in (1, 2, 3))
RSA, PSS = "1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10"
RSA_SHA256, RSA_SHA512, ECDSA_SHA256 = "1.2.840.113549.1.1.11", "1.2.840.113549.1.1.13", "1.2.840.10045.4.3.2"

AUTHORIZE: dict[str, Any] = {
    "credentialID": "cred_x",
    "numSignatures": 2,
    "hashes": [b64(bytes(32)), b64(bytes(32))],
    "hashAlgorithmOID": SHA256,
}
SIGN: dict[str, Any] = {
    "credentialID": "cred_x",
    "SAD": "sad_x",
    "hashes": [b64(bytes(32))],
    "hashAlgorithmOID": SHA256,
    "signAlgo": RSA_SHA256,
}
NOT_PERIODS: list[Any] = ["1000", 1.5, True, [], {}]
NOT_ADDRESSES: list[Any] = ["https://loja.test/pronto", "http://169.254.169.254/", "", 1, [], True]
WRONG_TYPES: list[Any] = [1, 1.5, True, [], {}, ["a"], None]
NOT_NUMBERS: list[Any] = ["2", 2.0, True, None, [], ...]
NOT_ARRAYS: list[Any] = [1, "abc", {}, None, True, ...]
HASH = b64(bytes(32))
NOT_BASE64: list[Any] = [1, None, [], {}, "", "%%%%", "a", HASH[:-1], HASH + "\n", "é" * 44, "A" * 200]


def changed(body: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A body with other members; ... leaves one out."""
    return {name: value for name, value in {**body, **changes}.items() if value is not ...}


# ---- authorize -------------------------------------------------------------------------------------------------------


def test_authorize_is_read() -> None:
    """The standard's example, with labels in clientData."""
    labels = json.dumps({"documents": [{"label": "a.pdf", "size": 10}, {"label": "b.pdf"}]})
    found = dialect.read_authorize(changed(AUTHORIZE, authData=[{"id": "mobile"}], clientData=labels, unknown=1))
    assert found.hashes == [bytes(32), bytes(32)]
    assert found.hash_name == "SHA-256"
    assert found.labels == [Label("a.pdf", 10), Label("b.pdf")]
    assert found.algorithm_for("RSA-2048").name == "RSA-PKCS1-SHA256"
    assert found.algorithm_for("P-256").name == "ECDSA-SHA256"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        *(({"credentialID": bad}, "Missing (or invalid type) string parameter credentialID") for bad in WRONG_TYPES),
        ({"credentialID": ...}, "Missing (or invalid type) string parameter credentialID"),
        ({"credentialID": ""}, "Missing (or invalid type) string parameter credentialID"),
        *(({"numSignatures": bad}, "Missing (or invalid type) integer parameter numSignatures") for bad in NOT_NUMBERS),
        ({"numSignatures": 0}, "Invalid value for parameter numSignatures"),
        ({"numSignatures": -1}, "Invalid value for parameter numSignatures"),
        ({"numSignatures": 1}, "Invalid value for parameter numSignatures"),
        ({"numSignatures": 3}, "Invalid value for parameter numSignatures"),
        ({"numSignatures": 101}, "Numbers of signatures is too high"),
        ({"numSignatures": 10**30}, "Numbers of signatures is too high"),
        *(({"hashes": bad}, "Missing (or invalid type) array parameter hashes") for bad in NOT_ARRAYS),
        ({"hashes": []}, "Empty hash array"),
        ({"hashes": ["a"] * 101}, "Numbers of signatures is too high"),
        *(({"hashes": [b64(bytes(32)), bad]}, "Invalid Base64 hash string parameter") for bad in NOT_BASE64),
        ({"hashAlgorithmOID": ...}, "Missing (or invalid type) string parameter hashAlgorithmOID"),
        ({"hashAlgorithmOID": 1}, "Missing (or invalid type) string parameter hashAlgorithmOID"),
        ({"hashAlgorithmOID": "1.3.14.3.2.26"}, "Invalid parameter hashAlgorithmOID"),
        ({"hashAlgorithmOID": "SHA-256"}, "Invalid parameter hashAlgorithmOID"),
        ({"authData": {}}, "Missing (or invalid type) array parameter authData"),
        ({"clientData": 1}, "Invalid parameter clientData"),
        ({"clientData": "x" * 70_000}, "Invalid parameter clientData"),
        ({"clientData": '{"documents":[]}'}, "Invalid parameter clientData"),
        ({"clientData": '{"documents":[{"label":"a"}]}'}, "Invalid parameter clientData"),
        ({"clientData": '{"documents":[{"label":1},{"label":"a"}]}'}, "Invalid parameter clientData"),
        ({"clientData": '{"documents":[{"label":"a","size":-1},{"label":"a"}]}'}, "Invalid parameter clientData"),
        ({"clientData": '{"documents":[{"label":"a","size":true},{"label":"a"}]}'}, "Invalid parameter clientData"),
        ({"clientData": '{"documents":["a","b"]}'}, "Invalid parameter clientData"),
        ({"description": 1}, "Invalid parameter description"),
        ({"description": "x" * 501}, "Invalid parameter description"),
        ({"signAlgo": 1}, "Missing (or invalid type) string parameter signAlgo"),
        ({"signAlgo": "1.2.3"}, "Invalid parameter signAlgo"),
        ({"signAlgo": PSS}, "Missing (or invalid type) string parameter signAlgoParams"),
    ],
)
def test_what_is_wrong_with_authorize(changes: dict[str, Any], sentence: str) -> None:
    """Each mistake has the standard's sentence."""
    with pytest.raises(InvalidRequest) as caught:
        dialect.read_authorize(changed(AUTHORIZE, **changes))
    assert caught.value.detail == sentence


@pytest.mark.parametrize(
    "data",
    [
        [{"id": "password", "value": "x"}],
        [{"id": "mobile", "value": "123456"}],
        [{"id": "mobile"}, {"id": "mobile"}],
        [{}],
        ["mobile"],
        [None],
    ],
)
def test_nothing_a_holder_knows_comes_through_here(data: Any) -> None:
    """authData is the phone by its id; a password or a code is refused, not ignored."""
    with pytest.raises(InvalidAuthenticationData):
        dialect.read_authorize(changed(AUTHORIZE, authData=data))


@pytest.mark.parametrize("text", ["", "ordem 42", "[1]", "{", '{"x":1}', '{"documents":null}', "{" * 1000, "{\ud800"])
def test_opaque_client_data_is_left_alone(text: str) -> None:
    """clientData belongs to the client: what is not our label list means nothing to us."""
    assert dialect.read_authorize(changed(AUTHORIZE, clientData=text)).labels == []


def test_the_old_names_are_understood() -> None:
    """Clients of v2 servers in the field still say hash and hashAlgo."""
    old = changed(AUTHORIZE, hashes=..., hashAlgorithmOID=..., hash=AUTHORIZE["hashes"], hashAlgo=SHA256)
    assert dialect.read_authorize(old).hashes == dialect.read_authorize(AUTHORIZE).hashes


# ---- signHash, list, info --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"SAD": ...}, "Missing (or invalid type) string parameter SAD"),
        ({"SAD": 1}, "Missing (or invalid type) string parameter SAD"),
        ({"credentialID": ...}, "Missing (or invalid type) string parameter credentialID"),
        ({"hashes": ...}, "Missing (or invalid type) array parameter hashes"),
        ({"hashes": []}, "Empty hash array"),
        ({"hashes": ["%"]}, "Invalid Base64 hash string parameter"),
        ({"signAlgo": ...}, "Missing (or invalid type) string parameter signAlgo"),
        ({"signAlgo": "1.2.840.113549.1.1.5"}, "Invalid parameter signAlgo"),
        ({"signAlgo": RSA, "hashAlgorithmOID": ...}, "Missing (or invalid type) string parameter hashAlgorithmOID"),
        ({"signAlgo": PSS}, "Missing (or invalid type) string parameter signAlgoParams"),
        ({"signAlgo": PSS, "signAlgoParams": 1}, "Missing (or invalid type) string parameter signAlgoParams"),
        ({"signAlgo": PSS, "signAlgoParams": "%"}, "Invalid parameter signAlgoParams"),
        ({"signAlgo": PSS, "signAlgoParams": b64(b"\x30\x00")}, "Invalid parameter signAlgoParams"),
        ({"operationMode": "B"}, "Invalid parameter operationMode"),
        ({"operationMode": 1}, "Invalid parameter operationMode"),
        *(({"operationMode": "A", "validity_period": bad}, "Invalid parameter validity_period") for bad in NOT_PERIODS),
        *(
            ({"operationMode": "A", "validity_period": bad}, "Out of bounds parameter validity_period")
            for bad in (0, -1, 86_400_001, 10**30)
        ),
        *(({"operationMode": "A", "response_uri": bad}, "Invalid parameter response_uri") for bad in NOT_ADDRESSES),
        ({"clientData": []}, "Invalid parameter clientData"),
    ],
)
def test_what_is_wrong_with_sign_hash(changes: dict[str, Any], sentence: str) -> None:
    """Each mistake has the standard's sentence."""
    with pytest.raises(InvalidRequest) as caught:
        dialect.read_sign_hash(changed(SIGN, **changes))
    assert caught.value.detail == sentence


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "RSA-PKCS1-SHA256"),
        ({"signAlgo": RSA}, "RSA-PKCS1-SHA256"),
        ({"signAlgo": RSA, "hashAlgorithmOID": SHA512}, "RSA-PKCS1-SHA512"),
        ({"hashAlgorithmOID": ...}, "RSA-PKCS1-SHA256"),
        ({"hashAlgorithmOID": SHA512}, "RSA-PKCS1-SHA256"),  # ignored: signAlgo says it
        ({"signAlgo": ECDSA_SHA256, "signAlgoParams": ""}, "ECDSA-SHA256"),
        ({"operationMode": "S"}, "RSA-PKCS1-SHA256"),
    ],
)
def test_the_algorithm_of_sign_hash(changes: dict[str, Any], name: str) -> None:
    """An OID that implies its hash needs no other; bare RSA does."""
    assert dialect.read_sign_hash(changed(SIGN, **changes)).algorithm.name == name


@pytest.mark.parametrize("hash_name", ["sha256", "sha384", "sha512"])
def test_pss_parameters_as_another_library_writes_them(hash_name: str) -> None:
    """asn1crypto's own encoding of MGF1, hash and salt is understood; another salt, hash or mask is refused."""
    length = {"sha256": 32, "sha384": 48, "sha512": 64}[hash_name]

    def parameters(salt: int, mask_hash: str) -> bytes:
        mask = {"algorithm": "mgf1", "parameters": {"algorithm": mask_hash}}
        made = algos.RSASSAPSSParams(
            {"hash_algorithm": {"algorithm": hash_name}, "mask_gen_algorithm": mask, "salt_length": salt}
        )
        encoded: bytes = made.dump()
        return encoded

    found = algorithms.sign_algorithm(PSS, None, parameters(length, hash_name))
    assert found is not None
    assert found.name == f"RSA-PSS-{hash_name.upper()}"
    for wrong in (
        parameters(length - 1, hash_name),
        parameters(222, hash_name),
        parameters(length, "sha1"),
        parameters(length, hash_name) + b"\0",
        parameters(length, hash_name)[:-1],
        b"\x30\x00",  # all defaults: SHA-1
    ):
        with pytest.raises(algorithms.BadParameters):
            algorithms.sign_algorithm(PSS, None, wrong)


def test_both_encodings_of_null_parameters_are_pss() -> None:
    """RFC 4055 section 2.1: the hash's parameters may be NULL or absent; both are accepted."""
    null = bytes.fromhex("0500")
    known = [one for one, name in algorithms._PSS_PARAMETERS.items() if name == "SHA-256"]
    assert len(known) == 4
    assert sorted(one.count(null) for one in known) == [0, 1, 1, 2]
    for one in known:
        parsed = algos.RSASSAPSSParams.load(one, strict=True).native
        assert parsed["hash_algorithm"]["algorithm"] == "sha256"
        assert parsed["mask_gen_algorithm"]["parameters"]["algorithm"] == "sha256"
        assert (parsed["salt_length"], parsed["trailer_field"]) == (32, "trailer_field_bc")


def test_every_oid_offered_is_understood() -> None:
    """What info lists, signHash takes: for each kind of key, every OID leads to an algorithm of that key."""
    for key in KEY_ALGORITHMS:
        for oid in algorithms.oids_of(possible(key)):
            parameters = next(iter(algorithms._PSS_PARAMETERS)) if oid == PSS else None
            found = algorithms.sign_algorithm(oid, "SHA-256", parameters)
            assert found in possible(key)
    assert algorithms.oids_of(list(SIGN_ALGORITHMS.values()))[0] == RSA_SHA256


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"userID": "maria"}, "userID parameter MUST be null"),
        ({"certificates": "all"}, "Invalid parameter certificates"),
        ({"certificates": 1}, "Invalid parameter certificates"),
        ({"certificates": ["chain"]}, "Invalid parameter certificates"),
        ({"certInfo": "true"}, "Invalid parameter certInfo"),
        ({"authInfo": 1}, "Invalid parameter authInfo"),
        ({"credentialInfo": "yes"}, "Invalid parameter credentialInfo"),
        ({"onlyValid": 0}, "Invalid parameter onlyValid"),
        ({"lang": 1}, "Invalid parameter lang"),
        ({"clientData": {}}, "Invalid parameter clientData"),
    ],
)
def test_what_is_wrong_with_list(body: dict[str, Any], sentence: str) -> None:
    """Each mistake has the standard's sentence."""
    with pytest.raises(InvalidRequest) as caught:
        dialect.read_list(body)
    assert caught.value.detail == sentence


@pytest.mark.parametrize("created", [-(10**30), 10**30, 2**53 - 100])
@pytest.mark.parametrize("kind", ["session", "consent"])
def test_ends_that_are_no_time(kind: str, created: int) -> None:
    """An ask signed in another age has no end that anybody could be asked for."""
    said = {kind: {"seconds": 100}, "ask": {"created": created}}
    body = {**SIGN, "hashes": None, "numSignatures": 3, "clientData": json.dumps(said)}
    wanted = dialect.read_session(body) or dialect.read_consent(body)
    assert wanted is not None
    with pytest.raises(InvalidRequest):
        wanted.until_from(1_800_000_000)


@pytest.mark.parametrize("key", ["", "k" * 256, "a\udcff", "a\x7f"])
def test_keys_that_name_no_call(key: str) -> None:
    """A header of bytes that are no text is an invalid request: nothing can be computed of it."""
    with pytest.raises(InvalidRequest):
        dialect.read_sign_hash(dict(SIGN), key)
    assert dialect.read_sign_hash(dict(SIGN), "é").use.idempotency_key == "é"


@pytest.mark.parametrize(
    "body",
    [b"[]", b'"x"', b"1", b"null", b"{", b'{"a":1,"a":2}', b"\xff", b"[" * 5000, b'{"a":NaN}', b'{"a":"\\ud800"}'],
)
def test_bodies_that_are_no_object(body: bytes) -> None:
    """Whatever is not one strict JSON object is an invalid request."""
    with pytest.raises(InvalidRequest):
        dialect.read_object(body)
    assert dialect.read_object(b"") == dialect.read_object(b" {} ") == {}


# ---- answers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key_algorithm", ["RSA-2048", "P-256", "P-384"])
def test_credential_info_has_the_standards_members(key_algorithm: str) -> None:
    """Strings, numbers and lists where the standard has them; the end entity's certificate first."""
    credential, _ = new_credential(key_algorithm, "MARIA DA SILVA", now=NOW)
    said: Any = dialect.credential_info(credential, dialect.Wanted("chain", True, True), NOW)
    assert said["key"]["status"] == "enabled"
    curves = {"P-256": "1.2.840.10045.3.1.7", "P-384": "1.3.132.0.34"}
    assert said["key"]["len"] == int(key_algorithm.partition("-")[2])
    assert said["key"].get("curve") == curves.get(key_algorithm)
    assert ("1.2.840.10045.4.3.2" in said["key"]["algo"]) == (key_algorithm == "P-256")
    assert [base64.b64decode(one) for one in said["cert"]["certificates"]] == list(credential.chain)
    assert said["cert"]["status"] == "valid"
    assert said["cert"]["validFrom"] == "20261122150000Z"
    assert said["cert"]["validTo"] == "20271123150000Z"
    assert said["cert"]["serialNumber"] == credential.serial
    assert said["auth"]["mode"] == "explicit"
    assert said["auth"]["expression"] == "mobile"
    assert said["auth"]["objects"][0]["type"] == "ChallengeResponseOOB"
    assert (said["SCAL"], said["multisign"]) == ("2", 100)
    json.dumps(said)
    little: Any = dialect.credential_info(credential, dialect.Wanted("none", False, False), NOW)
    assert little["cert"] == {}
    assert little["auth"] == {"mode": "explicit"}


def test_a_credential_that_cannot_sign_says_so() -> None:
    """Expired, revoked, not active: key and certificate tell apart."""
    credential, _ = new_credential("P-256", "MARIA", now=NOW)
    wanted = dialect.Wanted("none", True, False)
    expired: Any = dialect.credential_info(credential, wanted, NOW + timedelta(days=400))
    assert (expired["key"]["status"], expired["cert"]["status"]) == ("enabled", "expired")


def test_info_has_what_the_standard_requires() -> None:
    """Required members, and only methods that are there."""
    said = dialect.info(name="Link ID", issuer="https://g.test", logo="https://a.test/x.png", stamps=False)
    required = {"specs", "name", "logo", "region", "lang", "description", "authType", "methods", "signAlgorithms"}
    assert required | {"signature_formats", "conformance_levels", "oauth2Issuer"} <= set(said)
    assert "oauth2" not in said


# ---- errors ----------------------------------------------------------------------------------------------------------

CODES = {
    "invalid_request",
    "invalid_token",
    "access_denied",
    "server_error",
    "temporarily_unavailable",
    "expired_token",
    "invalid_authentication_data",
    "invalid_dpop_proof",
    "authentication_error",
    "invalid_otp",
    "invalid_pin",
    "unsupported_token_type",
}


def test_every_error_has_a_code_of_the_standard() -> None:
    """Whatever is raised anywhere of ours leaves as one of CSC's codes and statuses."""
    for kind in every_error():
        status, code = DIALECT.lookup(kind)
        assert code in CODES, kind
        assert status in (400, 401, 405, 413, 429, 500, 501, 503), kind


def test_every_sentence_belongs_to_a_class_with_a_status() -> None:
    """No sentence for a class that the table would answer as a fault of ours."""
    for kind in TEXTS:
        assert issubclass(kind, LinkIdError)
        assert DIALECT.lookup(kind)[0] < 500 or kind in ENTRIES


@pytest.mark.parametrize(
    ("values", "seconds"),
    [
        ([], None),
        (["wait=25"], 25),
        (["respond-async, wait=10"], 10),
        (["return=minimal", "WAIT=5"], 5),
        (["wait=5; x"], 5),
        (["wait=-5"], None),
        (["wait=5.5"], None),
        (["wait=99999999999"], None),
        (["await=5"], None),
        (["wait"], None),
    ],
)
def test_prefer_wait(values: list[str], seconds: float | None) -> None:
    """RFC 7240's preference, and nothing that only looks like it."""

    class Headers:
        def getall(self, _name: str, _default: list[str]) -> list[str]:
            return values

    class Request:
        headers = Headers()

    assert preferred_wait(Request()) == seconds  # type: ignore[arg-type]
