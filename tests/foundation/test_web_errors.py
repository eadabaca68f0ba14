"""The one table from errors to wire answers."""

import json
from typing import Any

import pytest

import foundation.audit
import foundation.channel
import foundation.dpop
import foundation.migrations
from foundation.errors import (
    BadInput,
    Conflict,
    Internal,
    LinkIdError,
    Locked,
    NotAuthenticated,
    NotFound,
    TooMany,
    Unavailable,
    every_error,
)
from foundation.web import Dialect, ErrorTable, WireError, default_dialect


class WrongCode(BadInput):
    """A slice's error."""

    code = "test_code_wrong"
    message = "O código não confere."


class VeryWrongCode(WrongCode):
    """A child without anything of its own."""

    code = "test_code_very_wrong"


class SecretReason(NotFound):
    """A slice's error that says nothing."""

    code = "test_secret_reason"


def oauth_body(error: WireError) -> dict[str, str]:
    """RFC 6749 section 5.2."""
    return {"error": error.code, "error_description": error.detail or error.summary}


OAUTH = Dialect(
    "oauth",
    oauth_body,
    {BadInput: (400, "invalid_request"), NotAuthenticated: (401, "invalid_client"), WrongCode: (400, "invalid_grant")},
    {"Cache-Control": "no-store", "Pragma": "no-cache"},
    'DPoP algs="ES256"',
)
CSC = Dialect("csc", oauth_body, {LinkIdError: (500, "server_error")})
TABLE = ErrorTable(by_prefix={"/oauth2": OAUTH, "/oauth2/deep/": CSC, "/csc/v2": CSC})


def body_of(error: LinkIdError, path: str = "/phone/v1/x") -> tuple[int, dict[str, Any], dict[str, str]]:
    """Status, body, headers of an error's answer."""
    response = TABLE.respond(error, path=path, request_id="rq_1")
    assert isinstance(response.body, bytes)
    return response.status, json.loads(response.body), dict(response.headers)


def test_default_body_is_the_protocols() -> None:
    """docs/protocol.md section 12: code, message in Portuguese, request id, and the data."""
    status, body, _ = body_of(WrongCode("4 digits", data={"tries_left": 2}))

    assert status == 400
    assert body == {
        "code": "test_code_wrong",
        "message": "O código não confere.",
        "request_id": "rq_1",
        "detail": "4 digits",
        "tries_left": 2,
    }


def test_what_may_not_leave_does_not() -> None:
    """Detail and data of a class that does not disclose stay inside."""
    status, body, _ = body_of(SecretReason("row 7 belongs to somebody else", data={"owner": "x"}))

    assert (status, sorted(body)) == (404, ["code", "message", "request_id"])


def test_data_cannot_pose_as_the_rest() -> None:
    """A field called code does not replace the code."""
    _, body, _ = body_of(WrongCode(data={"code": "x", "message": "y", "request_id": "z", "other": 1}))

    assert (body["code"], body["request_id"], body["other"]) == ("test_code_wrong", "rq_1", 1)


@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        ("/", "linkid"),
        ("/oauth2", "oauth"),
        ("/oauth2/", "oauth"),
        ("/oauth2/token", "oauth"),
        ("/oauth2x", "linkid"),
        ("/oauth2/deep/x", "csc"),
        ("/oauth2/deeper", "oauth"),
        ("/csc/v2/info", "csc"),
        ("/csc/v1/info", "linkid"),
    ],
)
def test_longest_prefix_speaks(path: str, dialect: str) -> None:
    """Whole path segments; the longest fitting prefix."""
    assert TABLE.dialect_for(path).name == dialect


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (WrongCode(), 400, "invalid_grant"),
        (VeryWrongCode(), 400, "invalid_grant"),
        (BadInput(), 400, "invalid_request"),
        (NotAuthenticated(), 401, "invalid_client"),
        (Conflict(), 409, "conflict"),
        (Internal(), 500, "internal_error"),
    ],
)
def test_nearest_ancestor_with_an_entry(error: LinkIdError, status: int, code: str) -> None:
    """A class without an entry has its parent's; a family without one its own status and code."""
    found, body, headers = body_of(error, "/oauth2/token")

    assert (found, body["error"]) == (status, code)
    assert headers["Cache-Control"] == "no-store"
    assert headers["Pragma"] == "no-cache"


def test_challenge_goes_with_401_only() -> None:
    """RFC 9110 wants it there."""
    assert body_of(NotAuthenticated(), "/oauth2/token")[2]["WWW-Authenticate"] == 'DPoP algs="ES256"'
    assert "WWW-Authenticate" not in body_of(WrongCode(), "/oauth2/token")[2]
    assert "WWW-Authenticate" not in body_of(NotAuthenticated(), "/phone/v1/x")[2]


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (TooMany(retry_after=60), "60"),
        (TooMany(), "30"),
        (Unavailable(), "5"),
        (Locked(retry_after=10_800), "10800"),
        (Locked(), None),
        (WrongCode(), None),
    ],
)
def test_retry_after(error: LinkIdError, seconds: str | None) -> None:
    """What the error says; 429 and 503 always say something."""
    status, body, headers = body_of(error)

    assert headers.get("Retry-After") == seconds
    assert body.get("retry_after") == (int(seconds) if seconds else None)
    assert status in (400, 423, 429, 503)


@pytest.mark.parametrize("dialect", TABLE.dialects(), ids=lambda dialect: dialect.name)
def test_every_error_has_an_answer_in_every_dialect(dialect: Dialect) -> None:
    """No class falls through, and 5xx never carries a detail."""
    for kind in every_error():
        status, code = dialect.lookup(kind)
        assert 400 <= status <= 599
        assert code
    error = Internal.__new__(Internal)
    LinkIdError.__init__(error, "the PIN is 1234", data={"pin": "1234"})
    response = ErrorTable(dialect).respond(error, path="/", request_id="rq_1")
    assert isinstance(response.body, bytes)
    assert b"1234" not in response.body


def test_default_dialect_takes_entries() -> None:
    """A slice's own status, without losing those of the plumbing."""
    dialect = default_dialect({WrongCode: (422, "other")})

    assert dialect.lookup(VeryWrongCode) == (422, "other")
    assert dialect.lookup(foundation.web.BodyTooLarge) == (413, "body_too_large")
