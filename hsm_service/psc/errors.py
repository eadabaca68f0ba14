"""Why the Brazilian dialect says no. ``problems.py`` has the words of the wire."""

from foundation.errors import BadInput, Gone, LinkIdError, NotAuthenticated, NotPermitted, Unavailable


class BadPscRequest(BadInput):
    """A parameter or member is missing, repeated, of the wrong type, too long or too many (``invalid_request``)."""

    code = "psc_bad_request"
    summary = "The request is not valid."


class ScopeUnavailable(BadInput):
    """None of the norm's four, or several at once (``invalid_scope``)."""

    code = "psc_scope_unavailable"
    summary = "scope is one of single_signature, multi_signature, signature_session, authentication_session."


class GrantTypeUnavailable(BadInput):
    """A grant type that this endpoint does not have (``unsupported_grant_type``)."""

    code = "psc_grant_type_unavailable"
    summary = "This grant type is not supported here."


class CodeRefused(BadInput):
    """A code that is unknown, used, expired, another application's, or without its verifier (``invalid_grant``)."""

    code = "psc_code_refused"
    summary = "The authorization code is invalid, expired or was already used."


class PscTokenInvalid(NotAuthenticated):
    """Unknown, expired, revoked or used up (``invalid_token``)."""

    code = "psc_token_invalid"
    summary = "The access token is invalid, has expired or was already used. Begin a new authorization."
    message = "A autorização terminou. Comece de novo no aplicativo."


class ScopeTooSmall(NotPermitted):
    """The token is not for this (``insufficient_scope``)."""

    code = "psc_scope_too_small"
    summary = "The scope of the access token does not allow this."


class OneHashOnly(BadInput):
    """More than one hash with a token for a single signature."""

    code = "psc_one_hash_only"
    summary = "single_signature signs exactly one hash. Use multi_signature or signature_session for more."
    message = "Esta autorização vale para um único documento."


class FormatUnavailable(BadInput):
    """A ``signature_format`` that we do not make (``unsupported_signature_format``)."""

    code = "psc_format_unavailable"
    summary = "This signature_format is not available."
    message = "Este formato de assinatura não está disponível."


class UserDenied(NotPermitted):
    """The holder said no, or another holder than the one of ``login_hint`` answered."""

    code = "psc_user_denied"
    summary = "The holder refused."
    message = "O titular recusou o pedido no celular."


class NotDecidedYet(Unavailable):
    """The holder has not decided while we waited."""

    code = "psc_not_decided_yet"
    summary = "The holder has not decided yet. Send the same request with the same token again to go on waiting."
    message = "O titular ainda não respondeu no celular. Repita o mesmo pedido para continuar esperando."


class DecisionTimeOver(Gone):
    """Nobody decided in time (``authorization_timeout``)."""

    code = "psc_decision_time_over"
    summary = "The holder did not decide in time. Begin a new authorization."
    message = "O titular não respondeu a tempo. Comece de novo no aplicativo."


class PasswordGrantOff(NotPermitted):
    """``pwd_authorize``: no phone has signed a consent for it (``unauthorized_client``)."""

    code = "psc_password_grant_off"
    summary = (
        "The holder has given no consent for authorization with credentials to this application. Use /authorize: the "
        "holder approves on the phone."
    )
    message = "O titular não autorizou este aplicativo a usar senhas em nome dele. Use a autorização pelo celular."


class FactorsRefused(BadInput):
    """``pwd_authorize``: no consent, or wrong factors, or no such holder; nobody learns which (``invalid_grant``)."""

    code = "psc_factors_refused"
    summary = "The holder's credentials are not valid, or the holder has given this application no consent for them."
    message = "Senha ou código incorreto, ou o titular não autorizou este aplicativo."


class HolderNamed(BadInput):
    """``/oauth/notify`` for a start whose holder was named before (``invalid_request``)."""

    code = "psc_holder_named"
    summary = "The holder of this start was named already. Begin another one with /oauth/start."
    message = "Este pedido já foi enviado a um celular. Comece de novo no aplicativo."


class RegistrationOff(NotPermitted):
    """``application`` where applications do not register themselves."""

    code = "psc_registration_off"
    summary = "Applications are registered by the operator of this service."
    message = "Os aplicativos são cadastrados por quem opera este serviço."


class TooManyWaiting(Unavailable):
    """More applications wait for an operator than anybody reads."""

    code = "psc_too_many_waiting"
    summary = "Too many applications wait to be let in. Try again another day."


class NameIsTheOperators(NotPermitted):
    """An application's name is what phones show, and an operator's signed word."""

    code = "psc_name_is_the_operators"
    summary = "The name is what holders see: ask the operator of this service to change it."


class WaitUnknown(NotAuthenticated):
    """No such page or poll code, or one that is over."""

    code = "psc_wait_unknown"
    summary = "There is nothing to wait for under this code. Begin a new authorization."
    message = "Esta página não existe mais. Volte ao aplicativo e comece de novo."


class WaitOver(Gone):
    """The authorization that was waited for came to its end."""

    code = "psc_wait_over"
    summary = "This authorization is over. Begin a new one."
    message = "Este pedido terminou. Volte ao aplicativo e comece de novo."


class RedirectedError(Exception):
    """An error of an authorize request whose application and address are known: it travels to them."""

    def __init__(self, error: LinkIdError, redirect: str, state: str | None) -> None:
        """``redirect``: a registered address."""
        super().__init__(str(error))
        self.error, self.redirect, self.state = error, redirect, state
