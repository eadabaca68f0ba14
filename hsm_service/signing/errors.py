"""Why a signature request or a signature is not to be had."""

from foundation.errors import (
    BadInput,
    Conflict,
    Gone,
    Internal,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    TooMany,
    Unavailable,
)


class UnknownCredential(NotFound):
    """The credential does not exist, has no certificate, or is not this caller's to use."""

    code = "signing_credential_unknown"
    summary = "There is no such credential."


class CredentialDisabled(Conflict):
    """Revoked, locked, or not yet active."""

    code = "credential_disabled"
    summary = "The credential cannot sign."


class CertificateNotValid(Conflict):
    """Expired, or not valid yet."""

    code = "certificate_not_valid"
    summary = "The certificate is not within its validity."


class AlgorithmNotPossible(BadInput):
    """The key cannot do this algorithm, or the hash and signature algorithms contradict each other."""

    code = "algorithm_not_possible"
    summary = "This key does not sign with this algorithm."


class BadDigest(BadInput):
    """A digest whose length is not that of its algorithm."""

    code = "bad_digest_length"
    summary = "Invalid digest value length."


class NoHashes(BadInput):
    """Nothing to sign."""

    code = "no_hashes"
    summary = "There is nothing to sign."


class TooManyHashes(BadInput):
    """More than one screen a person can scroll."""

    code = "too_many_hashes"
    summary = "Too many hashes for one approval."


class BadLabels(BadInput):
    """Labels that do not go with the hashes."""

    code = "bad_labels"
    summary = "The documents' labels are not valid."


class RequestPending(TooMany):
    """This caller already waits for this holder's answer, or too many callers do. ``data``: ``why`` is ``pending``."""

    code = "request_pending"
    summary = "Another request for this credential is waiting for its holder's decision."
    may_disclose = True


class HolderLeftAlone(TooMany):
    """The holder refused lately, or was asked again and again for nothing; asking at once is unkind or an attack.

    ``data``: ``why`` is ``refused``, or ``unanswered`` when every request lapsed or was withdrawn.
    """

    code = "holder_left_alone"
    summary = "The holder refused, or was asked in vain, more than once lately. Ask again later."
    may_disclose = True


class CallerFrozen(NotPermitted):
    """The holder said "it was not me" about this caller, and has not lifted it."""

    code = "signing_caller_frozen"
    summary = "The holder has blocked requests from this caller."


class SamNotAvailable(Unavailable):
    """The SAM refuses work, or kept back a signature that did not verify: an operator should look."""

    code = "signing_sam_not_available"
    summary = "Signing is temporarily unavailable. Try again later."


class UnknownHandle(NotFound):
    """No such handle, a wrong secret, or somebody else's: all the same to whoever asks."""

    code = "unknown_handle"
    summary = "There is no such request."


class RequestRefused(NotPermitted):
    """The holder said no. ``data['reason']`` is the decision's own word (protocol section 3)."""

    code = "request_refused"
    summary = "The holder refused this request."
    may_disclose = True


class RequestLapsed(Gone):
    """Nobody decided in time, or the activation was not used in time."""

    code = "request_lapsed"
    summary = "The request expired before it was decided."


class RequestWithdrawn(Gone):
    """Whoever asked gave up."""

    code = "request_withdrawn"
    summary = "The request was withdrawn by the caller."


class BadSad(NotAuthenticated):
    """No such SAD, a wrong secret, somebody else's, another credential's, or not approved (yet)."""

    code = "bad_sad"
    summary = "The signature activation data is not valid."


class SadExpired(Gone):
    """The activation's time is over."""

    code = "sad_expired"
    summary = "The signature activation data has expired."


class SessionExhausted(NotPermitted):
    """More signatures than the session has left. ``data``: ``why`` is ``session_exhausted``."""

    code = "signing_session_exhausted"
    summary = "The session has not so many signatures left."
    may_disclose = True


class CounterUsed(Conflict):
    """Another use of the session had this counter. ``data``: ``why`` is ``counter_used``."""

    code = "signing_counter_used"
    summary = "This counter served another use of the session."
    may_disclose = True


class UseNotSigned(NotPermitted):
    """A use of a session without the signature that the session demands. ``data``: ``why`` is ``use_invalid``."""

    code = "signing_use_not_signed"
    summary = "The signature over this use of the session is missing or wrong."
    may_disclose = True


class FixedList(NotPermitted):
    """More hashes for an approval of listed ones: the holder approved those and no others.

    ``data``: ``why`` is ``fixed_list``.
    """

    code = "signing_fixed_list"
    summary = "The holder approved these hashes and no others. Ask for other hashes, or for a session."
    may_disclose = True


class UnknownResponse(NotFound):
    """No such response, a wrong secret, somebody else's, or kept no longer: all the same to whoever asks."""

    code = "unknown_response"
    summary = "There is no such response."


class TooManyResponses(TooMany):
    """More answers wait to be collected than one caller may leave lying. ``data``: ``why`` is ``responses``."""

    code = "too_many_responses"
    summary = "Too many responses wait to be collected."
    may_disclose = True


class TooMuchKept(TooMany):
    """More documents wait for this caller than we keep for one. ``data``: ``why`` is ``documents``."""

    code = "signing_too_much_kept"
    summary = "Too many documents wait for their signatures."
    may_disclose = True


class PreparationDamaged(Internal):
    """What is kept for a request does not open: somebody wrote in the table."""

    code = "signing_preparation_damaged"
    summary = "What was prepared cannot be read."


class NotTheApprovedHashes(NotPermitted):
    """Hashes, algorithms or their number differ from what the holder approved, or were signed already."""

    code = "not_the_approved_hashes"
    summary = "The hashes are not those that were approved."
