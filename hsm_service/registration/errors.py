"""Why the page refuses. The sentences are for developers, in Portuguese; ``field`` is where the page shows them."""

from foundation.errors import (
    BadInput,
    Conflict,
    LinkIdError,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    TooMany,
    Unavailable,
)


class BadField(BadInput):
    """What a field of the form says cannot be registered. ``said``: the sentence, in Portuguese."""

    code = "registration_bad_field"
    summary = "A field of the form is not valid."

    def __init__(self, field: str, said: str) -> None:
        """``field``: its name in the form."""
        super().__init__(f"{field}: {said}", data={"field": field})
        self.field = field
        self.said = said


class NotSignedIn(NotAuthenticated):
    """No sign-in, one that is over, or somebody else's."""

    code = "registration_not_signed_in"
    summary = "Sign in first."
    message = "Sua entrada terminou. Entre de novo com o celular."


class ForeignForm(NotPermitted):
    """A form that did not come from our own page, or from another sign-in's (CSRF)."""

    code = "registration_foreign_form"
    summary = "The form did not come from this page."
    message = "Este formulário não veio desta página. Volte e tente de novo."


class NoSuchApplication(NotFound):
    """None of this owner's: it does not exist, or is somebody else's, which looks the same."""

    code = "registration_no_such_application"
    summary = "There is no such application."
    message = "Não há aplicação sua com este identificador."


class ChangedMeanwhile(Conflict):
    """Somebody (or another window) changed it after this form was opened: nothing is overwritten."""

    code = "registration_changed_meanwhile"
    summary = "The application was changed meanwhile."
    message = "Esta aplicação mudou depois que você abriu o formulário. Nada foi gravado: confira e faça de novo."


class NotNow(Conflict):
    """It does not stand so that this could be done."""

    code = "registration_not_now"
    summary = "This cannot be done in the application's present state."
    message = "Isto não é possível no estado atual da aplicação."


class TooManyApplications(TooMany):
    """Of one owner, or of all who wait together."""

    code = "registration_too_many"
    summary = "Too many applications."
    message = "Você chegou ao limite de aplicações. Desista de alguma que aguarda, ou fale com o operador."


class PageOff(Unavailable):
    """No operator turned the page on, or the SAM's row of it was shut out."""

    code = "registration_page_off"
    summary = "Applications are not registered here by themselves."
    message = "Este serviço não está com o registro de aplicações ligado. Fale com o operador."


class NothingWaits(LinkIdError):
    """An operator named what does not wait, or called it by another name."""

    code = "registration_nothing_waits"
    summary = "No such application waits."


class NotAsSeen(NothingWaits):
    """What waits is not what the operator read: it was changed since, by whoever can write rows."""

    code = "registration_not_as_seen"
    summary = "This is not what was read. Look at the list again."
