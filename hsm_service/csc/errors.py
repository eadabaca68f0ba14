"""What is wrong with a CSC request, in the standard's own sentences."""

from foundation.errors import BadInput


class InvalidRequest(BadInput):
    """``invalid_request``; the detail is the standard's sentence."""

    code = "csc_invalid_request"
    summary = "The request is not valid."


class InvalidAuthenticationData(BadInput):
    """``authData`` that we do not take: the holder authenticates on the phone, nothing of it comes through here."""

    code = "csc_invalid_authentication_data"
    summary = "The authentication data is invalid"


class NotImplementedHere(BadInput):
    """A method of the standard, or of nobody, that this server does not have."""

    code = "csc_not_implemented"
    summary = "The method is not implemented"


def missing(kind: str, name: str) -> InvalidRequest:
    """Absent, or of another JSON type."""
    return InvalidRequest(f"Missing (or invalid type) {kind} parameter {name}")


def invalid(name: str) -> InvalidRequest:
    """There, of the right type, and wrong."""
    return InvalidRequest(f"Invalid parameter {name}")
