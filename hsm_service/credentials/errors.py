"""What can be wrong with a credential or a holder."""

from foundation.errors import BadInput, Internal, NotFound


class NoSuchCredential(NotFound):
    """It does not exist, or the caller may not know that it does."""

    code = "no_such_credential"
    summary = "There is no such credential."


class BadHolder(BadInput):
    """A holder's name, number, e-mail or kind that we do not keep."""

    code = "bad_holder"
    summary = "The holder's data is not valid."


class UnreadableCertificate(Internal):
    """The SAM shows a certificate that is not X.509, or of a kind of key we do not know: a fault of ours."""

    code = "unreadable_certificate"
    summary = "A certificate cannot be read."


class BadIdentification(BadInput):
    """Neither a CPF nor a CNPJ. The number itself is never repeated."""

    code = "bad_identification"
    summary = "Neither a CPF nor a CNPJ: check digits, 11 digits or 14 characters."
    message = "O CPF ou CNPJ não é válido."
