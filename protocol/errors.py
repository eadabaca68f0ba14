"""Errors of the contract that more than one part raises or understands (docs/protocol.md, sections 9.2 and 12)."""

from foundation.errors import BadInput, Conflict, Gone, Locked, NotPermitted


class BadKey(BadInput):
    """Not a P-256 public key as JWK with exactly kty, crv, x, y, or not a point of the curve."""

    code = "bad_key"
    summary = "The key is not a valid P-256 public key."
    message = "A chave não é válida."


class SignatureInvalid(NotPermitted):
    """A signature, or the signed object around it, does not hold."""

    code = "signature_invalid"
    summary = "The signature is not valid."
    message = "A assinatura não confere."


class AskInvalid(NotPermitted):
    """What a computer or an integrator asks is not signed by its key, not for this, not fresh, or was asked before.

    ``data.why``: ``malformed``, ``not_fresh``, ``not_signed``, ``used``, or ``no_key`` (an integrator that signs its
    asks, and is registered as one that does not).
    """

    code = "ask_invalid"
    summary = "The caller's signature of its ask is missing, wrong, too old, or was used before. Ask again."
    message = "O pedido não traz uma assinatura válida de quem pede. Confira o relógio de lá e peça de novo."


class CallerUnknown(NotPermitted):
    """An integrator that no operator's order registered at the SAM, or one that was shut out there."""

    code = "caller_unknown"
    summary = "This application is not registered for signatures, or was shut out. Its operator registers it."
    message = "Este sistema não está cadastrado no Link ID. Avise quem cuida dele."
    may_disclose = True


class DecisionInvalid(NotPermitted):
    """A decision that is not by the right key, not over these bytes, or not of a known form. Why stays inside."""

    code = "decision_invalid"
    summary = "The decision is not valid for this document."
    message = "Esta resposta não vale para este pedido. Abra o pedido de novo."


class ProofInvalid(NotPermitted):
    """A password proof that is malformed, or made for another document, device, purpose or key."""

    code = "proof_invalid"
    summary = "The password proof is not valid for this document."
    message = "A senha não pôde ser conferida para este pedido. Abra o pedido de novo."


class PasskeyNeeded(NotPermitted):
    """This phone has a passkey, and the approval came without its word. ``data``: ``passkey``, its id, b64u, for an app
    that lost it. No password was tried."""

    code = "passkey_needed"
    summary = "This phone's passkey must speak for the approval."
    message = "Este celular está protegido pela tela de bloqueio. Confirme com ela para aprovar."
    may_disclose = True


class PasskeyInvalid(NotPermitted):
    """The passkey's word is malformed, for another document, at another origin, by another passkey, without the person
    verified, or was given before. No password was tried. Why stays inside."""

    code = "passkey_invalid"
    summary = "The passkey's assertion is not valid for this document."
    message = "A confirmação com a tela de bloqueio não valeu para este pedido. Tente de novo."


class PasswordWrong(NotPermitted):
    """The password does not open the key. ``data``: ``tries_left`` before the next lock; ``lock`` when this closed it.

    ``lock``: {``credential``, ``since``, ``until``}, seconds since 1970; ``until`` null: for ever.
    """

    code = "password_wrong"
    summary = "The password is wrong."
    message = "Senha de uso incorreta."
    may_disclose = True


class CredentialLocked(Locked):
    """Too many wrong passwords. ``retry_after`` says until when; none means until a new emission.

    ``data``: ``lock``, as in PasswordWrong, for a phone that answered for its holder.
    """

    code = "credential_locked"
    summary = "Locked after too many wrong passwords."
    message = "Certificado bloqueado por excesso de senhas erradas."


class DocumentExpired(Gone):
    """Nobody decided in time, or the decision came too late."""

    code = "document_expired"
    summary = "This request has expired. Ask again."
    message = "Este pedido expirou. Peça de novo."


class DocumentDecided(Conflict):
    """Approved, refused or withdrawn before; a document is decided once."""

    code = "document_decided"
    summary = "This request was already answered."
    message = "Este pedido já foi respondido."


class TransportKeyRetired(Conflict):
    """The proof was encrypted to a key that no longer answers: fetch the statement again and repeat."""

    code = "transport_key_retired"
    summary = "The encryption key was replaced. Fetch the statement again and repeat."
    message = "O pedido foi atualizado. Tente de novo."


class WeakParameters(BadInput):
    """Argon2 parameters outside what a client accepts."""

    code = "weak_parameters"
    summary = "The password parameters are outside the accepted range."
    message = "Os parâmetros da senha estão fora do aceito."


class BadPassword(BadInput):
    """A password outside 8 to 15 ASCII letters and digits."""

    code = "bad_password"
    summary = "The password must have 8 to 15 letters and digits."
    message = "A senha deve ter de 8 a 15 letras e números."


class AlgorithmRefused(BadInput):
    """An algorithm we do not offer, or one that does not fit the key or the hashes."""

    code = "algorithm_refused"
    summary = "The algorithm does not fit the key or the hashes."
    message = "O algoritmo não serve para este certificado ou para estes resumos."


class SessionRefused(BadInput):
    """Terms of a session that nobody may ask for. ``data.why``: ``too_short``, ``too_long``, ``after_certificate``,
    ``too_many`` (more signatures than a session may have, or none)."""

    code = "session_refused"
    summary = "A session ends in one minute to seven days, within its certificate, and has 1 to 100000 signatures."
    message = "A sessão pedida é curta, longa ou grande demais."


class ConsentRefused(BadInput):
    """Terms of a consent that nobody may ask for. ``data.why``: ``off`` (the operator allows none at all),
    ``too_short``, ``too_long``, ``after_certificate``, ``too_many``, ``not_an_application``."""

    code = "consent_refused"
    summary = "A consent of this length, or for so many signatures, cannot be asked for here."
    message = "A autorização pedida é curta, longa ou grande demais, ou não é oferecida aqui."


class ConsentUnknown(NotPermitted):
    """No consent of this application's for this certificate: none, somebody else's, one that ended, or is used up."""

    code = "consent_unknown"
    summary = "There is no consent of the holder for this."
    message = "O titular não autorizou este sistema a assinar assim."


class FactorsWrong(NotPermitted):
    """Password, code or both are wrong, or the code was used before. Nobody learns which.

    ``data``: ``ended`` when this try ended the consent, for the gateway, which tells the holder.
    """

    code = "factors_wrong"
    summary = "The password or the code is wrong."
    message = "Senha ou código incorreto."


class UseInvalid(NotPermitted):
    """The use of a session is not signed by one of its keys, not for exactly this; or signed where no key is known."""

    code = "use_invalid"
    summary = "The signature over this use of the session is missing or wrong."
    message = "Este uso da sessão não traz a assinatura de quem a pediu."


class SealBroken(NotPermitted):
    """A sealed approval does not open: another secret, another activation, or changed bytes."""

    code = "seal_broken"
    summary = "The activation secret is not valid for this activation."
    message = "Esta autorização não vale para este pedido."


class OrderInvalid(NotPermitted):
    """An order that no known operator signed, or that is malformed."""

    code = "order_invalid"
    summary = "The order is not valid."
    message = "A ordem não é válida."
