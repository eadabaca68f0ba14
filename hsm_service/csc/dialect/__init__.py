"""CSC API 2.0 as JSON: ``reading`` makes of requests what signing understands, ``answers`` writes what it says."""

from hsm_service.csc.dialect.answers import credential_info, info, listed, signed
from hsm_service.csc.dialect.reading import (
    MAX_BODY,
    AuthorizeRequest,
    InfoRequest,
    ListRequest,
    SessionRequest,
    SignRequest,
    Wanted,
    read_authorize,
    read_credential_info,
    read_handle,
    read_info,
    read_list,
    read_object,
    read_session,
    read_sign_hash,
)

__all__ = [
    "MAX_BODY",
    "AuthorizeRequest",
    "InfoRequest",
    "ListRequest",
    "SessionRequest",
    "SignRequest",
    "Wanted",
    "credential_info",
    "info",
    "listed",
    "read_authorize",
    "read_credential_info",
    "read_handle",
    "read_info",
    "read_list",
    "read_object",
    "read_session",
    "read_sign_hash",
    "signed",
]
