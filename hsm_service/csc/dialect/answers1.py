"""Answers that API 1 (1.0.4) has in a form of its own. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from foundation.errors import JsonObject, JsonValue
from hsm_service.credentials.domain.credential import Credential
from hsm_service.csc.dialect.answers import AUTH_TYPES, DESCRIPTION, LANGUAGE, REGION, TIMESTAMP, described
from hsm_service.csc.dialect.members import Wanted
from hsm_service.csc.dialect.version1 import ListRequest
from hsm_service.csc.errors import invalid

SPECS: Final = "1.0.3.0"
"""What 1.0.4.0 itself says the value is."""
METHODS: Final = (
    "auth/revoke",
    "credentials/list",
    "credentials/info",
    "credentials/authorize",
    "credentials/extendTransaction",
    "signatures/signHash",
)


def info(*, name: str, oauth2: str, logo: str, stamps: bool) -> JsonObject:
    """``info`` (11.1). ``oauth2``: the address to which clients append ``oauth2/authorize`` and the like."""
    return {
        "specs": SPECS,
        "name": name,
        "logo": logo,
        "region": REGION,
        "lang": LANGUAGE,
        "description": DESCRIPTION,
        "authType": list(AUTH_TYPES),
        "oauth2": oauth2,
        "methods": [*METHODS, *([TIMESTAMP] if stamps else [])],
    }


def credential_info(credential: Credential, wanted: Wanted, now: datetime, *, explicit: bool = False) -> JsonObject:
    """``credentials/info`` (11.5). Implicit: the phone is ours to ask, the caller has nothing to pass on."""
    answer: dict[str, JsonValue] = {**described(credential, wanted, now), "authMode": "implicit"}
    if explicit:
        # This caller has the holder's consent to send both. Without them the phone is asked, as always.
        answer["authMode"] = "explicit"
    if wanted.auth_info and explicit:
        answer |= {
            "PIN": {"presence": "true", "format": "A", "label": "Senha de uso"},
            "OTP": {
                "presence": "true",
                "type": "offline",
                "ID": "linkid",
                "provider": "Link ID",
                "format": "N",
                "label": "Código do aplicativo Link ID",
            },
        }
    elif wanted.auth_info:
        # Strings, as API 1 has its booleans.
        answer |= {"PIN": {"presence": "false"}, "OTP": {"presence": "false"}}
    return answer


def listed(found: Sequence[Credential], request: ListRequest) -> JsonObject:
    """``credentials/list`` (11.4): a page of them. A page's token is the last credential that was told.

    Raises InvalidRequest for a token that names none of the caller's.
    """
    ids = [credential.id for credential in found]
    start = 0
    if request.token is not None:
        if request.token not in ids:
            raise invalid("pageToken")
        start = ids.index(request.token) + 1
    page = ids[start : start + request.results]
    answer: dict[str, JsonValue] = {"credentialIDs": list(page)}
    if start + len(page) < len(ids):
        answer["nextPageToken"] = page[-1]
    return answer
