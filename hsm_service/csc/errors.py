"""What is wrong with a CSC request, in the standard's own sentences."""

from foundation.errors import BadInput, NotAuthenticated, TooMany


class InvalidRequest(BadInput):
    """``invalid_request``; the detail is the standard's sentence."""

    code = "csc_invalid_request"
    summary = "The request is not valid."


class InvalidAuthenticationData(BadInput):
    """``authData`` that we do not take: the holder authenticates on the phone, nothing of it comes through here."""

    code = "csc_invalid_authentication_data"
    summary = "The authentication data is invalid"


class InvalidPin(BadInput):
    """API 1's ``PIN``: likewise."""

    code = "csc_invalid_pin"
    summary = "The PIN is invalid"


class InvalidOtp(BadInput):
    """API 1's ``OTP``: likewise."""

    code = "csc_invalid_otp"
    summary = "The OTP is invalid"


class NoOtp(BadInput):
    """``credentials/sendOTP``: there is none to send."""

    code = "csc_no_otp"
    summary = "This credential uses no OTP: its holder approves on the phone."


class MalformedAuthentication(NotAuthenticated):
    """``auth/login`` without, or with something that is no authentication."""

    code = "csc_malformed_authentication"
    summary = "Malformed authentication parameter."


class AuthenticationFailed(BadInput):
    """``auth/login`` with a name and a password: nobody has one here."""

    code = "csc_authentication_error"
    summary = "An error occurred during authentication process"


class TokenTypeUnknown(BadInput):
    """A ``token_type_hint`` that is neither of the two there are (RFC 7009 section 2.2.1)."""

    code = "csc_unsupported_token_type"
    summary = "Invalid parameter token_type_hint"


class NotDecidedYet(TooMany):
    """API 1 answers ``credentials/authorize`` when the holder decided; this long we do not hold an answer back.

    ``data``: ``why`` is ``undecided``. The same call again finds the same request.
    """

    code = "csc_not_decided_yet"
    summary = "The holder has not decided yet. Repeat the same call to go on waiting."
    may_disclose = True


class DocumentsUnderWay(TooMany):
    """As many calls with documents as one caller may have at once. ``data``: ``why`` is ``documents``."""

    code = "csc_documents_under_way"
    summary = "Documents of an earlier call are being read."
    may_disclose = True


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
