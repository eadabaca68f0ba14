"""Why a document cannot be signed, or a signature not be put around it."""

from foundation.errors import BadInput, Conflict, Internal, Unavailable


class FormNotPossible(BadInput):
    """A format, level, packaging, policy or algorithm that does not exist or does not go with the others."""

    code = "document_form_not_possible"
    summary = "This form of signature does not exist."
    message = "Este formato de assinatura não existe."


class UnsuitableDocument(BadInput):
    """Not a document of that format: damaged, encrypted, or one that forbids signatures."""

    code = "document_unsuitable"
    summary = "The document cannot be signed."
    message = "Este documento não pode ser assinado: está danificado, protegido ou não é do formato esperado."


class DocumentTooLarge(BadInput):
    """More bytes than we take."""

    code = "document_too_large"
    summary = "The document is too large."
    message = "Este documento é grande demais."


class DocumentTooCostly(BadInput):
    """Reading it took more memory or time than we give one."""

    code = "document_too_costly"
    summary = "The document is too costly to read."
    message = "Este documento não pode ser lido: é complexo demais."


class BadCertificate(BadInput):
    """The signatory's certificates cannot be read, or the key does not make such signatures."""

    code = "document_certificate_unusable"
    summary = "The signing certificate cannot be used for this."


class BadPreparation(BadInput):
    """Bytes that are not a preparation of ours, or one that does not hold together."""

    code = "document_preparation_invalid"
    summary = "This is not a prepared document."


class SignatureNotOfPreparation(Conflict):
    """The signature is not this signatory's over the prepared digest: it is never put into a document."""

    code = "document_signature_mismatch"
    summary = "The signature is not over the prepared digest."


class PolicyNotAvailable(Conflict):
    """The signature policy is not among those of the settings, or outside its signing period."""

    code = "document_policy_not_available"
    summary = "This signature policy cannot be used."
    message = "Esta política de assinatura não está disponível."


class PolicyUnreadable(Internal):
    """A policy file of the settings is no signature policy. ``linkid`` refuses to start with it."""

    code = "document_policy_unreadable"
    summary = "A signature policy file cannot be read."


class RootUnreadable(Internal):
    """A trusted root of the settings is no certificate."""

    code = "document_root_unreadable"
    summary = "A trusted root certificate cannot be read."


class NoTimeStamp(Unavailable):
    """No time-stamping authority answered with a token that is about our digest."""

    code = "document_time_stamp_unavailable"
    summary = "No time stamp could be had. Try again in a moment."
    message = "Não foi possível obter o carimbo do tempo. Tente de novo em instantes."


class NoEvidence(Unavailable):
    """The certificates' validity cannot be proved for the long term now: a list or an answer is missing."""

    code = "document_evidence_unavailable"
    summary = "The evidence for long-term validation could not be collected. Try again in a moment."
    message = "Não foi possível reunir as provas para a validade de longo prazo. Tente de novo em instantes."
