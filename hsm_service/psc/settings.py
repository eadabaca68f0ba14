"""What an operator may decide about the Brazilian dialect."""

from typing import Annotated, Literal

from pydantic import Field

from foundation.settings import Section


class PscSettings(Section):
    """Limits of the API under ``/v0/oauth`` and its vendors' variants."""

    max_hashes: Annotated[int, Field(ge=1, le=100)] = 100
    """Hashes in one call of ``/signature``: more than a person scrolls through is not approved with care."""
    max_content_bytes: Annotated[int, Field(ge=1024, le=6_500_000)] = 6_500_000
    """Bytes of all PDFs that come in one call of ``/signature`` (``base64_content``), together, before base64."""
    person_days: Annotated[int, Field(ge=1, le=7)] = 7
    """Longest life of a token of a person (CPF), in days: the norm's ceiling, or less."""
    company_days: Annotated[int, Field(ge=1, le=30)] = 30
    """The same for a company (CNPJ). A ``signature_session`` ends after 7 days at the latest: the SAM's own limit."""
    wait_seconds: Annotated[int, Field(ge=1, le=100)] = 50
    """How long ``/signature`` holds its answer back while the holder decides; below the time after which a proxy in
    front gives up. The application repeats the call to go on waiting."""
    session_signatures: Annotated[int, Field(ge=1, le=100_000)] = 1000
    """Signatures of one ``signature_session``, at most; the phone shows the number."""
    discoveries_per_minute: Annotated[int, Field(ge=1)] = 30
    """``user-discovery`` of one application on one gateway: it tells who is a customer."""
    registration: bool = False
    """Whether applications may register themselves. They get an id and a secret that open nothing until an operator
    lets them in (`linkid application admit`)."""
    refusal: Literal["user_denied", "access_denied"] = "user_denied"
    """What ``error`` says when the holder said no: the norm's word, or RFC 6749's for clients that know no other."""
    pending_status: Literal[202, 304] | None = None
    """What a ``push://`` poll answers while the holder decides. Not given: as the vendor's clients expect."""
