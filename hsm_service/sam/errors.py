"""What the SAM refuses, as codes that the gateway translates (docs/protocol.md sections 10 and 12).

Those that clients meet too are in ``protocol.errors``.
"""

from foundation.errors import BadInput, Conflict, Gone, NotFound, NotPermitted, TooMany, Unavailable


class BadCall(BadInput):
    """A private call whose body is not what section 10 says. A defect of the caller."""

    code = "sam_bad_call"


class CredentialUnknown(NotFound):
    """No such credential, or its row does not hold."""

    code = "credential_unknown"
    message = "Não encontramos este certificado."


class CredentialNotActive(Conflict):
    """Revoked, not yet or no longer valid, or still without a certificate."""

    code = "credential_not_active"
    summary = "The certificate is not active."
    message = "O certificado não está ativo."


class CredentialBlocked(CredentialNotActive):
    """Its holder shut it ("Bloquear tudo"), and nothing is signed until that is undone."""

    code = "credential_blocked"
    summary = "The holder has blocked this certificate."
    message = "O titular bloqueou este certificado."


class NotBlocked(Conflict):
    """There is nothing to undo."""

    code = "not_blocked"
    summary = "The certificate is not blocked."
    message = "Este certificado não está bloqueado."


class BlockedElsewhere(NotPermitted):
    """Another phone, or an operator, shut the certificate: this phone cannot open it again."""

    code = "blocked_elsewhere"
    summary = "Only the phone that blocked the certificate can unblock it, or an operator."
    message = "Só o celular que bloqueou este certificado pode desbloqueá-lo, ou o atendimento."


class UnblockTooEarly(TooMany):
    """The wait after a block is not over. ``retry_after`` says when it is."""

    code = "unblock_too_early"
    summary = "The certificate cannot be unblocked yet."
    message = "Ainda não dá para desbloquear. Espere um pouco e tente de novo."


class PasskeyStands(Conflict):
    """This phone has a passkey: it is removed before another one is enrolled."""

    code = "passkey_stands"
    summary = "This phone has a passkey already. Remove it first."
    message = "Este celular já está protegido pela tela de bloqueio."


class NoPasskey(Conflict):
    """This phone has no passkey: there is nothing to remove."""

    code = "no_passkey"
    summary = "This phone has no passkey."
    message = "Este celular não está protegido pela tela de bloqueio."


class DocumentUnknown(NotFound):
    """No such document, or not for this device."""

    code = "document_unknown"
    message = "Não encontramos este pedido."


class BindingUnknown(NotFound):
    """No such binding, or it has ended."""

    code = "binding_unknown"
    message = "Este celular não está mais vinculado ao certificado."


class CallerNotAssociated(NotPermitted):
    """The computer is not associated with this credential."""

    code = "caller_not_associated"
    message = "Este computador não está associado ao certificado."


class CallerFrozen(NotPermitted):
    """The holder said "it was not me" about this caller, and has not lifted it."""

    code = "caller_frozen"
    summary = "The holder has blocked requests from here."
    message = "O titular bloqueou pedidos vindos daqui."
    may_disclose = True


class TooManyPending(TooMany):
    """One request of a caller waits already, or five of everybody."""

    code = "too_many_pending"
    summary = "Another request is waiting for the holder."
    message = "Outro pedido está esperando a resposta do titular."


class OrderOutdated(Conflict):
    """An order about what has changed since: not newer than the one this integrator's row came from (``data.newest``:
    that one's time), or about a certificate that was shut or opened meanwhile, or a phone that does not wait."""

    code = "order_outdated"
    summary = "A newer order about this was taken already; nothing was changed."


class OrderNotFresh(NotPermitted):
    """An order that was signed long ago, or in the future."""

    code = "order_not_fresh"
    summary = "The order was not signed just now. Check the operator's clock, and order again."


class EmissionConflict(Conflict):
    """Another key, algorithm or state than this emission began with."""

    code = "emission_conflict"
    message = "Esta emissão já está em outra etapa. Recarregue a página."


class CertificateRefused(NotPermitted):
    """A chain that does not end in the pinned root, is not valid now, or is for another key."""

    code = "certificate_refused"
    message = "O certificado recebido não é válido para esta chave."


class CertificateRevoked(Gone):
    """The AC has revoked the certificate; before it became active, or since."""

    code = "certificate_revoked"
    summary = "The certificate was revoked."
    message = "Este certificado foi revogado. Peça uma nova solicitação ao atendimento."


class ActivationUnknown(NotFound):
    """No such activation, somebody else's, or its row does not hold."""

    code = "activation_unknown"
    message = "Não encontramos esta autorização."


class ActivationExpired(Gone):
    """Approved, but not used in time, or voided after a restore."""

    code = "activation_expired"
    summary = "The approval was not used in time. Ask again."
    message = "A aprovação não foi usada a tempo. Peça de novo."


class HashesNotApproved(NotPermitted):
    """Not exactly the hashes, or not the algorithm, that the holder approved."""

    code = "hashes_not_approved"
    summary = "These are not the hashes that were approved."
    message = "Estes não são os resumos aprovados."


class SessionExhausted(NotPermitted):
    """More signatures than the session has left."""

    code = "session_exhausted"
    summary = "The session has not so many signatures left."
    message = "A sessão não tem mais assinaturas."


class CounterUsed(Conflict):
    """Another use of the session had this counter."""

    code = "counter_used"
    summary = "This counter served another use of the session. Use the next one."


class SignatureNotReleased(Unavailable):
    """A signature did not verify with the certificate: it stays here, and an operator should look."""

    code = "signature_not_released"
    message = "A assinatura não pôde ser conferida e não foi entregue. Tente de novo."


class WorkRefused(Unavailable):
    """The SAM does not work now: database behind the audit head, or the HSM is not what it was."""

    code = "sam_refuses_work"
    summary = "The signing service is stopped until an operator has looked at it."
    message = "O serviço de assinatura está parado até que um operador o verifique."
