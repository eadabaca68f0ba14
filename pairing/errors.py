"""What can go wrong while a phone or a computer is introduced, and what people read about it.

``summary`` is for programmers, ``message`` (Portuguese) for whoever holds the phone: it says what to do next. The
family (the base class) decides the HTTP status, by the one table in ``foundation.web``; docs/protocol.md section 12.
Errors about decisions and passwords are the contract's own (``protocol.errors``): the SAM raises them, we pass them on.
"""

from foundation.errors import BadInput, Conflict, Gone, NotAuthenticated, NotFound, NotPermitted, TooMany, Unavailable

# ---- A phone: number, code, nickname ---------------------------------------------------------------------------------


class NumberInvalid(BadInput):
    """Not a telephone number of the Brazilian plan. ``data`` may hold a ``suggestion`` (E.164) to offer."""

    code = "number_invalid"
    summary = "This is not a Brazilian mobile number."
    message = "Este número não existe. Confira o DDD e os 9 dígitos do celular."


class NumberNotMobile(BadInput):
    """A fixed line: it cannot receive the SMS."""

    code = "number_not_mobile"
    summary = "This number cannot receive SMS; give a mobile number."
    message = "Este é um telefone fixo e não recebe SMS. Informe o número do celular."


class NumberForeign(BadInput):
    """Another country's number. We send to Brazil only: SMS fraud lives on expensive numbers abroad."""

    code = "number_foreign"
    summary = "Only Brazilian numbers are accepted."
    message = "Só enviamos o código para celulares do Brasil. Informe o número com DDD."


class PairingNotFound(NotFound):
    """No such pairing, or another key's."""

    code = "pairing_not_found"
    summary = "There is no such pairing. Start again."
    message = "Não encontramos este pedido de código. Comece de novo, informando seu número."


class CodeMalformed(BadInput):
    """Not as many digits as a code has. It does not count as a try."""

    code = "code_malformed"
    summary = "A code has only digits, and exactly as many as were shown."
    message = "Digite todos os números do código, sem letras."


class CodeWrong(BadInput):
    """Not the code of the last SMS. ``data``: ``tries_left``."""

    code = "code_wrong"
    summary = "Wrong code."
    message = "Código errado. Use o do SMS mais recente."


class CodeExpired(Gone):
    """The last code's ten minutes are over."""

    code = "code_expired"
    summary = "The code has expired. Ask for another one."
    message = "O código venceu. Peça outro."


class CodeSpent(Gone):
    """The code was used already; a code serves once."""

    code = "code_spent"
    summary = "This code was already used. Start again."
    message = "Este código já foi usado. Comece de novo para receber outro."


class TooManyTries(Gone):
    """Five wrong codes: this pairing is over, even for the right one."""

    code = "too_many_tries"
    summary = "Too many wrong codes. Start again."
    message = "Foram cinco códigos errados. Comece de novo para receber outro."


class ResendTooSoon(TooMany):
    """The wait between two messages is not over. ``retry_after`` says when it is."""

    code = "resend_too_soon"
    summary = "Wait before asking for another code."
    message = "O SMS pode demorar um pouco. Aguarde para pedir outro código."


class NoSendsLeft(Gone):
    """Three messages were sent for this pairing; there will be no fourth."""

    code = "no_sends_left"
    summary = "No more codes for this pairing. Start again."
    message = "Já enviamos três códigos. Confira o número e comece de novo."


class TooManyMessages(TooMany):
    """This number, its neighbours or this network asked for too many messages lately."""

    code = "too_many_messages"
    summary = "Too many codes were asked for. Try again later."
    message = "Muitos códigos foram pedidos em pouco tempo. Aguarde um pouco e tente de novo."


class MessagesPaused(Unavailable):
    """The day's budget of messages is used up: sending stops for everybody until the window moves on."""

    code = "messages_paused"
    summary = "Codes cannot be sent at the moment. Try again later."
    message = "O envio de códigos está pausado no momento. Tente de novo mais tarde."


class NicknameInvalid(BadInput):
    """Empty, longer than 40 characters, or nothing visible in it."""

    code = "nickname_invalid"
    summary = "A nickname has 1 to 40 visible characters."
    message = "O apelido deve ter de 1 a 40 letras ou números."


class NicknameNeeded(Conflict):
    """A phone takes its nickname before it is bound, since the nickname is part of what the holder approves."""

    code = "nickname_needed"
    summary = "Give this phone a nickname first."
    message = "Dê antes um apelido a este celular."


class NumberProofOld(Gone):
    """The number was proved too long ago to bind anything to it: numbers change hands."""

    code = "number_proof_old"
    summary = "Confirm your number again."
    message = "Faz tempo que você confirmou seu número. Confirme de novo por SMS."


class CredentialNotOfPhone(NotFound):
    """No such credential, or none of the numbers this phone proved is its holder's."""

    code = "credential_not_of_phone"
    summary = "There is no such certificate for this phone."
    message = "Não encontramos este certificado para o seu número."


class CertificateNotActive(Conflict):
    """Expired, revoked, or not issued to its end."""

    code = "certificate_not_active"
    summary = "The certificate is not active."
    message = "Este certificado venceu ou foi revogado. Para usar o Link ID, emita outro."


class CertificateBlocked(Conflict):
    """Its holder shut it ("Bloquear tudo"): nothing is done with it until that is undone."""

    code = "certificate_blocked"
    summary = "The holder has blocked this certificate."
    message = "Este certificado está bloqueado pelo titular. Desbloqueie-o para continuar."


class DeviceNotFound(NotFound):
    """No such phone, or none that shares a certificate with this one."""

    code = "device_not_found"
    summary = "There is no such phone of this holder."
    message = "Este celular não está mais vinculado aos seus certificados."


class DeviceUnknown(NotAuthenticated):
    """The device token is not one of ours, is not this key's, or its phone was removed: all the same to the caller."""

    code = "device_unknown"
    summary = "This phone is not paired. Pair it again."
    message = "Este celular não está mais associado. Associe-o de novo."


# ---- What waits on the phone: documents of the SAM -------------------------------------------------------------------


class SessionNotFound(NotFound):
    """No such session, or not of a credential of this phone."""

    code = "session_not_found"
    summary = "There is no such session for this phone."
    message = "Esta sessão não existe mais ou não é deste celular."


class ConsentNotFound(NotFound):
    """No such consent, or not of a credential of this phone."""

    code = "consent_not_found"
    summary = "There is no such consent for this phone."
    message = "Esta autorização não existe mais ou não é deste celular."


class ExplicitOff(NotPermitted):
    """The operator lets no application send holders' factors, so codes would open nothing."""

    code = "explicit_off"
    summary = "This service takes no codes from applications."
    message = "Este serviço não usa códigos: cada assinatura é aprovada aqui no celular."


class NothingToDecide(NotFound):
    """No such document, or not one this device may decide."""

    code = "document_not_found"
    summary = "There is no such request for this phone."
    message = "Este pedido não existe mais ou não é para este celular."


class BindingNotActive(Conflict):
    """The phone has no active binding (yet): its test was not approved."""

    code = "binding_not_active"
    summary = "Finish pairing this phone first."
    message = "Este celular ainda não está pronto. Termine a associação do certificado primeiro."


# ---- A computer: frames, links, check codes --------------------------------------------------------------------------


class CodeNotOurs(BadInput):
    """What was scanned or typed is not a code of this Link ID, or no link answers to it."""

    code = "code_not_ours"
    summary = "This is not a valid Link ID code."
    message = "Este código não é do Link ID ou não vale mais. Confira o que aparece agora na tela do computador."


class FrameExpired(Gone):
    """A frame of our own, but of another moment: a photograph, a recording, a slow hand."""

    code = "frame_expired"
    summary = "This code has expired. Scan the one on the screen now."
    message = "Este código já mudou. Aponte a câmera para o que está na tela agora."


class LinkTaken(Conflict):
    """Another phone scanned it before: the link is dead now, for both."""

    code = "link_taken"
    summary = "Another phone scanned this code. Start again on the computer."
    message = "Outro celular já leu este código. Por segurança, comece de novo no computador."


class NotForYou(NotFound):
    """The request in the QR code is not one this phone may decide, or there is none."""

    code = "not_for_you"
    summary = "This request is not for this phone."
    message = "Este pedido não é para os certificados deste celular, ou já terminou."


class TooManyGuesses(TooMany):
    """Too many codes, scanned or typed, that no link answers to."""

    code = "too_many_guesses"
    summary = "Too many wrong codes. Wait before trying again."
    message = "Muitos códigos errados. Aguarde alguns minutos e tente de novo."


class LinkNotFound(NotFound):
    """No such link, or another key's."""

    code = "link_not_found"
    summary = "There is no such link. Start again."
    message = "Este pedido de associação não existe mais. Comece de novo no computador."


class LinkOver(Gone):
    """The link was refused, expired, was given up, or died of a second scan. ``data``: ``state``."""

    code = "link_over"
    summary = "This link is over. Start again on the computer."
    message = "Este pedido de associação terminou. Comece de novo no computador."


class CheckTooEarly(Conflict):
    """The phone has not approved yet, so there is no check code to compare."""

    code = "check_too_early"
    summary = "Approve on the phone first."
    message = "Aprove antes no celular; o código de conferência aparece lá."


class CheckWrong(BadInput):
    """Not the check code on the phone. ``data``: ``tries_left``."""

    code = "check_code_wrong"
    summary = "Wrong check code."
    message = "Código de conferência errado. Confira os três números no celular."


class CheckSpent(Gone):
    """Three wrong check codes: the link is dead, and what the phone approved was taken back."""

    code = "check_code_spent"
    summary = "Too many wrong check codes. Start again."
    message = "Foram três códigos errados e a associação foi desfeita. Comece de novo."


class ShownNumberNeeded(BadInput):
    """The yes to an application that shows a number came without that number. It does not count as a try."""

    code = "shown_number_needed"
    summary = "Type the number that the application shows."
    message = "Digite o número que aparece na tela do sistema."


class ShownNumberWrong(BadInput):
    """Not the number that the application shows. ``data``: ``tries_left``."""

    code = "shown_number_wrong"
    summary = "This is not the number that the application shows."
    message = "Número errado. Confira o que aparece na tela do sistema."


class ShownNumberSpent(Gone):
    """Three wrong numbers: this request is over."""

    code = "shown_number_spent"
    summary = "Too many wrong numbers. Begin again where you began."
    message = "Foram três números errados e o pedido terminou. Comece de novo no sistema, se foi você que começou."


class TooManyLinks(TooMany):
    """This network opened too many links lately."""

    code = "too_many_links"
    summary = "Too many links were started. Try again later."
    message = "Muitas associações foram iniciadas nesta rede. Aguarde um pouco e tente de novo."


class ComputerNotFound(NotFound):
    """No such computer associated by this phone."""

    code = "computer_not_found"
    summary = "There is no such computer for this phone."
    message = "Este computador não está associado a este celular."
