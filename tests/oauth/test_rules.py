"""OAuth's pure rules: return addresses, PKCE, the error table, what an operator may register."""

import json
from ipaddress import IPv4Network

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from foundation.errors import LinkIdError, every_error
from hsm_service.oauth import errors
from hsm_service.oauth.domain.certificates import checked_subject
from hsm_service.oauth.domain.client import checked_redirect, redirect_matches
from hsm_service.oauth.domain.pkce import check_verifier, checked_challenge
from hsm_service.oauth.domain.wish import read_wish
from hsm_service.oauth.problems import DIALECT, description
from hsm_service.oauth.service.callers import read_authorization
from hsm_service.oauth.web.drawing import draw
from linkid.settings import Gateway, MutualTls, Settings
from tests.support.oauth_requests import CALLBACK, CHALLENGE, VERIFIER

RFC_6749 = {
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "unsupported_response_type",
    "invalid_scope",
    "access_denied",
    "server_error",
    "temporarily_unavailable",
    "invalid_dpop_proof",  # RFC 9449
    "invalid_authorization_details",  # RFC 9396
    "request_not_supported",  # RFC 9101
    "insufficient_scope",  # RFC 6750
}

MEMBERS = ("hash", "label", "size", "hashType", "other")


@pytest.mark.parametrize(
    "uri",
    [
        "https://contratos.test/callback",
        "https://contratos.test:8443/callback?x=1",
        "http://localhost/cb",
        "http://127.0.0.1/cb",
        "http://[::1]:8080/cb",
        "com.example.app:/callback",
    ],
)
def test_addresses_that_may_be_registered(uri: str) -> None:
    """https anywhere, http on loopback, a private scheme with a dot."""
    assert checked_redirect(uri) == uri


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "http://contratos.test/callback",
        "https://contratos.test/callback#x",
        "https://user@contratos.test/",
        "https:///callback",
        "https://contratos.test\\@evil.test/",
        "https://contratos.test/\n",
        "https://contratos.test/ x",
        "https://contrátos.test/",
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "http://localhost.evil.test/",
        "https://[::1/",
        "https://contratos.test:99999/",
        "http://127.0.0.1:port/cb",
        "https://contratos.test/" + "x" * 2000,
    ],
)
def test_addresses_that_may_not(uri: str) -> None:
    """Anything that a browser might read as something else."""
    with pytest.raises(errors.BadClientData):
        checked_redirect(uri)


@pytest.mark.parametrize(
    ("registered", "asked", "good"),
    [
        (CALLBACK, CALLBACK, True),
        (CALLBACK, CALLBACK + "?a", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:49152/cb", True),
        ("http://127.0.0.1/cb", "http://127.0.0.1:49152/cb?x", False),
        ("http://127.0.0.1/cb?x", "http://127.0.0.1:49152/cb?x", True),
        ("http://127.0.0.1/cb", "https://127.0.0.1:49152/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:49152@evil.test/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:99999/cb", False),
        ("http://[::1]/cb", "http://[::1]:5000/cb", True),
        ("http://localhost/cb", "http://localhost:5000/cb", False),
        ("http://127.0.0.1:80/cb", "http://127.0.0.1:5000/cb", False),
    ],
)
def test_addresses_are_compared_exactly(registered: str, asked: str, good: bool) -> None:
    """Exactly, but for the port of a numbered loopback address (RFC 8252 section 7.3)."""
    assert redirect_matches([registered], asked) is good


def test_pkce_is_rfc_7636s() -> None:
    """Appendix B's example passes; the method must be named."""
    assert checked_challenge(CHALLENGE, "S256") == CHALLENGE
    check_verifier(VERIFIER, CHALLENGE)
    with pytest.raises(errors.GrantRefused):
        check_verifier(VERIFIER[:-1] + "x", CHALLENGE)
    for method in (None, "plain", "S512"):
        with pytest.raises(errors.BadOAuthRequest):
            checked_challenge(CHALLENGE, method)


def test_every_error_has_a_word_of_the_rfc() -> None:
    """Whatever is raised anywhere of ours leaves the token endpoint as one of OAuth's own codes."""
    kinds = list(every_error())
    assert len(kinds) > 50
    for kind in kinds:
        status, code = DIALECT.lookup(kind)
        assert code in RFC_6749, kind
        assert 400 <= status <= 503


def test_descriptions_are_ascii_without_quotes() -> None:
    """RFC 6749 appendix A.8."""
    assert description('a "b" \\ ç\n') == "a 'b' ' ''"


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ([], errors.TokenMissing),
        (["Bearer"], errors.MalformedAuthorization),
        (["Bearer "], errors.MalformedAuthorization),
        (["Bearer  x"], errors.MalformedAuthorization),
        (["Bearer x y"], errors.MalformedAuthorization),
        (["Basic x"], errors.MalformedAuthorization),
        (["Bearer x", "Bearer x"], errors.MalformedAuthorization),
        ([""], errors.MalformedAuthorization),
    ],
)
def test_authorization_headers(values: list[str], error: type[LinkIdError]) -> None:
    """None, or not one of ours: two different answers."""
    with pytest.raises(error):
        read_authorization(values)
    assert read_authorization(["bEaReR at_x"]) == ("bearer", "at_x")


def test_a_drawing_is_a_path_and_nothing_else() -> None:
    """Whatever the text, what reaches the page are letters and numbers of a path."""
    drawn = draw('https://app.test/l#1."><script>')
    assert set(drawn.path) <= set("Mhv1Hz0123456789 ")
    assert drawn.view_box.startswith("0 0 ")


@pytest.mark.parametrize("text", ["", "dn:", "erp", "cn:erp", "dn:erp", "ip:300.1.1.1", "dns:" + "x" * 600, "dn:C=\n"])
def test_subjects_that_cannot_be_registered(text: str) -> None:
    """An operator hears at once."""
    with pytest.raises(errors.BadClientData):
        checked_subject(text)


def test_certificates_come_by_tls_or_by_a_named_proxy() -> None:
    """Settings that would listen for certificates without TLS, or believe a header from anybody, are refused."""
    with pytest.raises(ValidationError, match="needs"):
        Settings(mtls=MutualTls())
    with pytest.raises(ValidationError, match="proxies only"):
        Settings(mtls=MutualTls(header="X-Client-Certificate"))
    settings = Settings(mtls=MutualTls(header="X-C"), gateway=Gateway(proxies=(IPv4Network("10.0.0.7"),)))
    assert settings.mtls_url == settings.url("gateway")
    assert settings.client_authorities() == []
    assert Settings().mtls_url is None


VALUES: list[object] = [None, True, 0, -1, 1, 2.5, "", "x", "AAAA", "credential", [], {}, [[]], [{}], ["A"]]
WRONG = st.sampled_from(VALUES)
DIGEST = st.dictionaries(st.sampled_from(MEMBERS), WRONG, max_size=3).map(lambda one: {"hash": "AAAA", **one})
DIGESTS = st.lists(DIGEST | WRONG, min_size=1, max_size=3)
DETAIL = st.fixed_dictionaries(
    {"type": st.just("credential"), "documentDigests": DIGESTS | WRONG},
    optional=dict.fromkeys(("credentialID", "hashAlgorithmOID", "numSignatures", "locations"), WRONG),
)


# A busy machine is no failure.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(DETAIL)
def test_whatever_stands_in_details_is_read_or_refused(detail: object) -> None:
    """Wrong types in every field: one of our two errors, or a wish whose documents and count agree."""
    try:
        wish = read_wish({"authorization_details": json.dumps([detail])})
    except (errors.BadDetails, errors.BadOAuthRequest):
        return
    assert wish.count == wish.body["numSignatures"] == len(wish.labels)
