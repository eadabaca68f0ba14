"""Why there is no token, or why a token is not good. ``problems.py`` says it in RFC 6749's words."""

from foundation.errors import (
    BadInput,
    Conflict,
    Gone,
    Internal,
    LinkIdError,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    TooMany,
    Unavailable,
)


class BadOAuthRequest(BadInput):
    """A parameter is missing, repeated, too long or of the wrong form (``invalid_request``)."""

    code = "oauth_bad_request"
    summary = "The request is missing a parameter, or has one that is not valid."


class ParameterMissing(BadOAuthRequest):
    """One that has to be there is not. ``data`` has its name as ``missing``."""

    code = "oauth_parameter_missing"

    def __init__(self, name: str) -> None:
        """``name``: as it stands on the wire."""
        super().__init__(f"{name} is missing", data={"missing": name})


class UnknownClient(NotAuthenticated):
    """No such client, or it did not prove that it is (``invalid_client``): the two look alike."""

    code = "oauth_unknown_client"
    summary = "Client authentication failed."


class GrantRefused(BadInput):
    """A code that is not good: unknown, used, expired, of another client or address (``invalid_grant``)."""

    code = "oauth_grant_refused"
    summary = "The authorization code is invalid, expired or was already used."


class RefreshRefused(GrantRefused):
    """The same of a refresh token."""

    code = "oauth_refresh_refused"
    summary = "The refresh token is invalid, expired or was already used."


class RedirectMismatch(GrantRefused):
    """A code that is brought with another return address than it was asked for with."""

    code = "oauth_redirect_mismatch"
    summary = "redirect_uri is not the one of the authorization request."


class ClientNotPermitted(NotPermitted):
    """The client may not use this grant (``unauthorized_client``)."""

    code = "oauth_client_not_permitted"
    summary = "The client is not allowed to use this grant type."


class GrantUnknown(BadInput):
    """A grant type that we do not have (``unsupported_grant_type``)."""

    code = "oauth_grant_unknown"
    summary = "This grant type is not supported."


class ResponseTypeUnknown(BadInput):
    """Anything but ``code`` (``unsupported_response_type``)."""

    code = "oauth_response_type_unknown"
    summary = "Only response_type=code is supported."


class BadDetails(BadInput):
    """Authorization details that we do not understand, or that ask for more than was approved (RFC 9396 section 5)."""

    code = "oauth_bad_details"
    summary = "The authorization details are not valid."


class RequestObjectUnsupported(BadInput):
    """A signed request object (RFC 9101): push the parameters instead (``request_not_supported``)."""

    code = "oauth_request_object"
    summary = "Request objects are not supported. Push the request (RFC 9126)."


class ScopeMissing(NotPermitted):
    """A token that stands for one approved signature, where the service's own is needed (``insufficient_scope``)."""

    code = "oauth_scope_missing"
    summary = "This access token is not good for that."


class HolderSaidNo(NotPermitted):
    """The holder refused, or did not choose a certificate that serves (``access_denied``)."""

    code = "oauth_holder_said_no"
    summary = "The holder did not approve."


class NotApprovedYet(Conflict):
    """The page asks for its code before the phone approved."""

    code = "authorize_not_approved"
    summary = "The request is not approved yet."
    message = "O pedido ainda não foi aprovado no celular."


class SealedDamaged(Internal):
    """A sealed column that its secret does not open: the row was not written by us."""

    code = "oauth_sealed_damaged"


class ScopeUnknown(BadInput):
    """A scope that we do not have, or that this client may not ask for (``invalid_scope``)."""

    code = "oauth_scope_unknown"
    summary = "The scope is not available."


class ProofMissing(BadInput):
    """A client that must prove possession of its key did not (``invalid_dpop_proof``)."""

    code = "oauth_proof_missing"
    summary = "A DPoP proof by the client's own key is required."


class MalformedAuthorization(BadInput):
    """An ``Authorization`` header that is no bearer and no DPoP token."""

    code = "oauth_malformed_authorization"
    summary = "The Authorization header is malformed."


class TokenMissing(NotAuthenticated):
    """No ``Authorization`` header at all."""

    code = "oauth_token_missing"
    summary = "An access token is required."


class TokenInvalid(NotAuthenticated):
    """Unknown, expired, revoked, or presented without the key it is bound to."""

    code = "oauth_token_invalid"
    summary = "The access token is invalid or has expired."


class PageUnknown(NotFound):
    """No such authorize page, or another one's secret."""

    code = "authorize_page_unknown"
    summary = "There is no such page. Start again from the application."
    message = "Esta página não existe mais. Volte ao aplicativo e comece de novo."


class PageOver(Gone):
    """The authorize page was finished, cancelled, or is too old."""

    code = "authorize_page_over"
    summary = "This page is over. Start again from the application."
    message = "Esta página terminou. Volte ao aplicativo e comece de novo."


class UnsafeRedirect(BadInput):
    """Nobody may be sent to this address: unknown client, or an address it did not register. Shown, never followed."""

    code = "oauth_unsafe_redirect"
    summary = "The application or its return address is not registered."
    message = "O aplicativo que trouxe você aqui não está cadastrado, ou o endereço de retorno dele não confere."


class PushedRequestOver(UnsafeRedirect):
    """A ``request_uri`` that is none of ours, was used, is too old, or another client's. Shown, never followed."""

    code = "oauth_pushed_request_over"
    summary = "The pushed request is unknown, used, expired, or another client's."
    message = "Este pedido já foi aberto uma vez ou passou do prazo. Volte ao aplicativo e comece de novo."


class TooManyCalls(TooMany):
    """A client calls more often than its limit says."""

    code = "too_many_calls"
    summary = "This application calls too often. Wait as Retry-After says."
    message = "Este aplicativo está chamando demais. Tente de novo em instantes."
    may_disclose = True

    def __init__(self, *, retry_after: int) -> None:
        """``retry_after``: seconds."""
        super().__init__(retry_after=retry_after, data={"why": "calls"})


class TooManyPages(TooMany):
    """One address opened too many authorize pages."""

    code = "too_many_authorize_pages"
    summary = "Too many pages were opened. Try again in a minute."
    message = "Muitas páginas abertas. Tente de novo em um minuto."


class BadClientData(BadInput):
    """What an operator wrote about an integrator cannot be registered."""

    code = "bad_client_data"
    summary = "The integrator's data is not valid."


class RowNotWritten(Unavailable):
    """The SAM took an operator's word about an integrator, and the gateway's database did not take the row."""

    code = "integrator_row_not_written"


class RedirectableError(Exception):
    """An error of an authorize request whose client and address are known: it travels back to the client."""

    def __init__(self, error: LinkIdError, redirect: str, state: str | None) -> None:
        """``error``: one of the classes above. ``redirect``, ``state``: the client's own."""
        super().__init__(str(error))
        self.error = error
        self.redirect = redirect
        self.state = state
