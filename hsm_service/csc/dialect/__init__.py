"""CSC's API as JSON. ``reading`` makes of requests what signing understands, ``answers`` writes what it says; what only
API 1 has is in ``version1`` and ``answers1``, what is said about documents in ``documents``. ``members`` reads the
members of both.
"""

from hsm_service.csc.dialect import answers1, version1
from hsm_service.csc.dialect.answers import credential_info, info, listed, signed
from hsm_service.csc.dialect.documents import (
    MAX_SIGN_DOC,
    DocumentsRequest,
    SignDocRequest,
    ToSign,
    read_documents,
    read_sign_doc,
    signed_documents,
)
from hsm_service.csc.dialect.members import MAX_BODY, V1, V2, Names, Wanted, check_lengths
from hsm_service.csc.dialect.reading import (
    AuthorizeRequest,
    ConsentRequest,
    ExtendRequest,
    InfoRequest,
    ListRequest,
    SessionRequest,
    SignRequest,
    read_authorize,
    read_challenge,
    read_consent,
    read_credential_info,
    read_extend,
    read_handle,
    read_info,
    read_list,
    read_object,
    read_polling,
    read_session,
    read_sign_hash,
)

__all__ = [
    "MAX_BODY",
    "MAX_SIGN_DOC",
    "V1",
    "V2",
    "AuthorizeRequest",
    "ConsentRequest",
    "DocumentsRequest",
    "ExtendRequest",
    "InfoRequest",
    "ListRequest",
    "Names",
    "SessionRequest",
    "SignDocRequest",
    "SignRequest",
    "ToSign",
    "Wanted",
    "answers1",
    "check_lengths",
    "credential_info",
    "info",
    "listed",
    "read_authorize",
    "read_challenge",
    "read_consent",
    "read_credential_info",
    "read_documents",
    "read_extend",
    "read_handle",
    "read_info",
    "read_list",
    "read_object",
    "read_polling",
    "read_session",
    "read_sign_doc",
    "read_sign_hash",
    "signed",
    "signed_documents",
    "version1",
]
