"""docs/psc-api.md against what vendors publish, what the routes are, and what the tests test."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final
from unittest.mock import Mock

from hsm_service.psc.settings import PscSettings
from hsm_service.psc.web.mounting import psc_routes

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "psc-api.md").read_text("utf-8")

PUBLISHED: Final = {
    "GET /v0/oauth/authorize": "response_type client_id redirect_uri state lifetime scope code_challenge "
    "code_challenge_method login_hint",
    "POST /v0/oauth/token": "grant_type client_id client_secret code redirect_uri code_verifier access_token "
    "token_type expires_in scope authorized_identification_type authorized_identification",
    "POST /v0/oauth/client_token": "grant_type client_id client_secret access_token expires_in token_type",
    "POST /v0/oauth/user-discovery": "client_id client_secret user_cpf_cnpj val_cpf_cnpj status slots",
    "GET /v0/oauth/certificate-discovery": "certificate_alias status certificates",
    "POST /v0/oauth/signature": "certificate_alias hashes hashes[].id hashes[].alias hashes[].hash "
    "hashes[].hash_algorithm hashes[].signature_format hashes[].padding_method hashes[].base64_content "
    "hashes[].pdf_signature_page signatures[].id signatures[].raw_signature signatures[].file_base64_signed",
    "POST /v0/oauth/revoke": "token",
    "POST /v0/oauth/pwd_authorize": "client_id client_secret username password grant_type lifetime scope slot_alias",
    "POST /v0/oauth/authorize-ca": "client_id login_hint redirect_uri state lifetime",
    "POST /v0/oauth/application": "name comments redirect_uris email",
    "PUT /v0/oauth/client_maintenance": "client_id name comments redirect_uris email",
    "GET /valid/api/v1/trusted-services/authentications": "code authorizationToken redirectUrl",
    "POST /async-signature": "client_id client_secret username message hashes signature_format lifetime token",
    "GET /async-signature": "rawSignatures",
    "POST /oauth/start": "challenge qr_code",
}
"""Endpoints and members that the norm and the vendors document."""
OURS: Final = {"GET /v0/oauth/authorize/continue", "POST /v0/oauth/authorize/wait", "POST /v0/oauth/authorize/leave"}
"""Where our own pages go."""


def rows() -> dict[str, list[tuple[str, str, str]]]:
    """By endpoint: member, there, test."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    for title, table in re.findall(r"^### (.*?)\n(.*?)(?=^### |\Z)", PAGE, re.M | re.S):
        endpoint = re.match(r"`(\w+) <base>(\S+)`", title)
        name = f"{endpoint[1]} {endpoint[2]}" if endpoint else title
        lines = re.findall(r"^\| (?:→ )?(?:text )?`?([^|]*?)`? \| (\w+) \| .*? \| (?:`([^`]+)`)? ?\|$", table, re.M)
        found.setdefault(name, []).extend(lines)
    return found


def test_every_published_member_is_in_the_table() -> None:
    """What an application may have read in a vendor's documentation has its line here, be it "no"."""
    told = rows()
    for endpoint, members in PUBLISHED.items():
        listed = {member for member, _, _ in told[endpoint]}
        assert set(members.split()) - listed == set(), endpoint


def test_what_is_there_has_a_test_and_the_rest_has_none() -> None:
    """ "Yes" and "off" name a test that exists; "no" claims nothing."""
    names = {
        f"tests/psc/{file.name}::{node.name}"
        for file in Path(__file__).parent.glob("test_*.py")
        for node in ast.parse(file.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    everything = [line for lines in rows().values() for line in lines]
    assert len(everything) > 90
    for member, there, test in everything:
        assert there in ("yes", "off", "no"), member
        assert (test in names) == (there != "no"), (member, there, test)


def test_every_route_is_in_the_table() -> None:
    """And what the table says is there has a route, in the variant it is said of."""
    routes = {
        f"{route.method} {re.sub('^/psc/[a-z]+', '', route.path)}"
        for route in psc_routes(Mock(settings=PscSettings()))
        if not route.path.startswith("/v0/oauth/assets/")
    }
    told = rows()
    there = {name for name, lines in told.items() if " /" in name and any(line[1] != "no" for line in lines)}
    assert routes - OURS == there
