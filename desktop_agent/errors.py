"""What can go wrong on the computer, as data: a code, an exit status, a Portuguese sentence, and what to do next.

Exit statuses are a promise to scripts; `linkid-desktop --help` prints this very table.
"""

from collections.abc import Iterator
from typing import ClassVar


class AgentError(Exception):
    """The root. ``str(error)`` is the sentence shown, ``advice`` the next step."""

    code: ClassVar[str] = "internal"
    exit_status: ClassVar[int] = 1
    meaning: ClassVar[str] = "erro inesperado"
    """The family in a few words, for --help."""
    default_advice: ClassVar[str] = ""

    def __init__(self, message: str, advice: str | None = None) -> None:
        super().__init__(message)
        self.advice = self.default_advice if advice is None else advice


class BadCommand(AgentError):
    """The command line asks for something that makes no sense."""

    code = "bad_command"
    exit_status = 2
    meaning = "o comando foi digitado errado"
    default_advice = "Veja linkid-desktop --help."


class NotAssociated(AgentError):
    """No association with a holder's certificates, or it was ended elsewhere."""

    code = "not_associated"
    exit_status = 3
    meaning = "este computador não está associado"
    default_advice = "Associe-o com: linkid-desktop associate"


class RefusedOnPhone(AgentError):
    """The holder said no, on the phone."""

    code = "refused"
    exit_status = 4
    meaning = "o pedido foi recusado no celular"
    default_advice = "Nada foi assinado."


class NobodyAnswered(AgentError):
    """The time of the request (or of the association) ran out."""

    code = "expired"
    exit_status = 5
    meaning = "ninguém respondeu a tempo no celular"
    default_advice = "Nada foi assinado. Repita o comando com o celular à mão."


class Stopped(NobodyAnswered):
    """The person at the screen gave it up before anybody answered; what was asked of the phone is withdrawn."""

    code = "stopped"


class NoConnection(AgentError):
    """The service cannot be reached, or is out of order. Temporary."""

    code = "no_connection"
    exit_status = 6
    meaning = "sem conexão com o serviço"
    default_advice = "Verifique a internet e repita o comando. linkid-desktop doctor ajuda a achar a causa."


class UnsuitablePdf(AgentError):
    """This file cannot be signed as it is."""

    code = "unsuitable_pdf"
    exit_status = 7
    meaning = "o arquivo não pode ser assinado"
    default_advice = "O arquivo original não foi alterado."


class UntrustedServer(AgentError):
    """The service said something that is not signed by its trust root, or contradicts what was asked.

    Nothing is used.
    """

    code = "untrusted_server"
    exit_status = 8
    meaning = "o serviço respondeu algo em que não se pode confiar"
    default_advice = "Nada foi assinado. Não repita: avise o suporte do Link ID."


class KeychainProblem(AgentError):
    """The association key cannot be read or kept."""

    code = "keychain"
    exit_status = 9
    meaning = "a chave deste computador não pôde ser lida ou guardada"
    default_advice = "Repita o comando. linkid-desktop doctor ajuda a achar a causa."


class StateLost(KeychainProblem):
    """What this computer kept of its association is gone or damaged: only a new association puts it right."""

    code = "state_lost"
    default_advice = "Associe de novo: linkid-desktop associate"


class NotLinked(AgentError):
    """The association ceremony ended without an association."""

    code = "not_linked"
    exit_status = 10
    meaning = "a associação não foi concluída"
    default_advice = "Recomece com: linkid-desktop associate"


class LinkTimedOut(NotLinked):
    """Nobody read the QR in time: another one may be shown."""

    code = "link_timed_out"


class ServiceRefused(AgentError):
    """The service understood and said no (certificate revoked, too many requests, ...)."""

    code = "service_refused"
    exit_status = 11
    meaning = "o serviço negou o pedido"
    default_advice = "Se persistir, avise o suporte do Link ID."


class Busy(ServiceRefused):
    """Not now: another request waits on the phone. ``retry_after``: seconds, 0 when the service does not say."""

    code = "busy"

    def __init__(self, message: str, retry_after: int, advice: str = "") -> None:
        super().__init__(message, advice)
        self.retry_after = retry_after


INTERRUPTED = 130
"""Ctrl-C, as shells count it. What was asked on the phone is withdrawn first."""


def every_family() -> Iterator[type[AgentError]]:
    """The classes of the table, by exit status."""
    yield AgentError
    yield from sorted(AgentError.__subclasses__(), key=lambda family: family.exit_status)
