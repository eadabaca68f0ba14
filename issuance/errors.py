"""What can go wrong between a protocol number and a certificate. Shared by the AC, the gateway's side and commands."""

from foundation.errors import Conflict, Gone, Internal, Locked, NotFound, NotPermitted, Unavailable


class EmissionRefused(NotPermitted):
    """Protocol, CPF or installation password wrong: one error for the three. ``data``: ``tries_left``."""

    code = "emission_refused"
    summary = "Protocol number, CPF or installation password do not match."
    message = "Protocolo, CPF ou senha de instalação não conferem. Confira os três e tente de novo."
    may_disclose = True


class EmissionLocked(Locked):
    """Five wrong answers for one protocol number. ``retry_after`` says when it opens again."""

    code = "emission_locked"
    summary = "Locked for a while after too many wrong attempts."
    message = "Muitas tentativas erradas. Por segurança, esta emissão está bloqueada por um tempo; tente mais tarde."


class EmissionUnknown(NotFound):
    """No such emission, or one of another key."""

    code = "emission_unknown"
    summary = "There is no such emission. Start again."
    message = "Não encontramos esta emissão. Comece de novo pelo número do protocolo."


class EmissionExpired(Gone):
    """Half an hour is over."""

    code = "emission_expired"
    summary = "This emission has expired. Start again."
    message = "O tempo desta emissão acabou. Comece de novo pelo número do protocolo."


class EmissionOutOfOrder(Conflict):
    """A step before this one is missing, or this one belongs to an emission that is further already."""

    code = "emission_out_of_order"
    summary = "This step of the emission is not due now."
    message = "Esta etapa da emissão não pode ser feita agora. Comece de novo pelo número do protocolo."


class AlreadyEmitted(Conflict):
    """The order has its certificate. Told only to who proved the installation password."""

    code = "already_emitted"
    summary = "The certificate of this protocol number was already issued."
    message = "O certificado deste protocolo já foi emitido. Se não foi você, peça a revogação ao atendimento agora."


class OrderTooOld(Gone):
    """The order was not used in time. Told only to who proved the installation password."""

    code = "order_too_old"
    summary = "The time to issue the certificate of this protocol number is over."
    message = "O prazo para emitir o certificado deste protocolo acabou. Peça uma nova solicitação ao atendimento."


class OrderTaken(Conflict):
    """Another order of that id, or another issue order of that protocol number, was taken before."""

    code = "order_taken"
    summary = "An order with this id or protocol number was already taken."


class PossessionInvalid(NotPermitted):
    """What should prove that the SAM made this key for this emission does not. Why stays inside."""

    code = "possession_invalid"
    summary = "The possession statement is not valid for this emission."


class KeySeenBefore(Conflict):
    """A public key is certified once. A second appearance means a broken generator or a replay."""

    code = "key_seen_before"
    summary = "This public key was already used for a certificate."
    may_disclose = False


class CertificateUnknown(NotFound):
    """No issued certificate of that serial or protocol number."""

    code = "certificate_unknown"
    summary = "There is no such certificate."


class CaptchaInvalid(NotPermitted):
    """The captcha's answer is wrong, expired, or was used before."""

    code = "captcha_invalid"
    summary = "The captcha was not solved. Ask for another one."
    message = "A verificação “Não sou um robô” não valeu. Marque-a de novo."


class AuthorityNotReady(Unavailable):
    """The authority's certificates are missing or do not belong to the keys in the HSM."""

    code = "authority_not_ready"
    summary = "The certificate authority is not set up."


class PermitSpent(Internal):
    """A permit used twice: a fault in our own code."""

    code = "permit_spent"
