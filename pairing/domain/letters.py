"""What holders are told by e-mail when something new comes near their certificate: an alarm for what was not them."""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Final

_BRASILIA: Final = timezone(timedelta(hours=-3))
"""Brazil has had no daylight saving time since 2019."""


@dataclass(frozen=True)
class Letter:
    """Subject and plain text."""

    subject: str
    text: str


def number_proved_elsewhere(at: datetime) -> Letter:
    """Another phone received a code at the holder's number: the first sign of a stolen number, or a new phone."""
    return _letter(
        "Seu número foi confirmado em outro celular",
        "Um celular que ainda não usa o seu certificado recebeu por SMS um código enviado ao seu número",
        at,
        "Sem a sua senha de uso ele não consegue assinar nada. Não a digite em lugar nenhum a pedido de ninguém, e "
        "procure a sua operadora: seu número pode ter sido transferido para outro chip.",
    )


def phone_bound(nickname: str, at: datetime) -> Letter:
    """A phone may approve signatures from now on."""
    return _letter(
        "Novo celular no seu certificado em nuvem",
        f"O celular “{nickname}” passou a aprovar assinaturas com o seu certificado",
        at,
        "Alguém conhece a sua senha de uso: peça agora a revogação do certificado a quem o emitiu.",
    )


def phone_waiting(nickname: str, at: datetime, until: datetime) -> Letter:
    """A phone was paired, and may approve from some time on, unless its holder says no before."""
    return _letter(
        "Novo celular espera para usar o seu certificado em nuvem",
        f"O celular “{nickname}” foi vinculado ao seu certificado, com a sua senha de uso, e poderá aprovar "
        f"assinaturas a partir de {_moment(until)}. Ele foi vinculado",
        at,
        "Alguém tem o seu número e a sua senha de uso. Abra o Link ID no celular que já usava, toque em “Não fui eu” e "
        "em “Bloquear tudo”, e peça a revogação do certificado a quem o emitiu. Se não tem mais esse celular, peça já "
        "a revogação.",
        "Para não esperar, abra o Link ID no celular que já usava e toque em “Fui eu”. Se não tem mais esse celular, "
        "espere, ou fale com o atendimento de quem emitiu o certificado.",
    )


def phone_removed(nickname: str, by: str, at: datetime) -> Letter:
    """A phone was sent away by another one of the holder's."""
    return _letter(
        "Celular removido do seu certificado em nuvem",
        f"O celular “{nickname}” foi removido pelo celular “{by}” e não aprova mais assinaturas com o seu certificado",
        at,
        f"Alguém está com o celular “{by}”. Sem a senha de uso ele não assina nada: vincule outro celular, remova "
        "aquele e, se ele não está com você, peça a revogação do certificado a quem o emitiu.",
    )


def computer_associated(name: str, at: datetime) -> Letter:
    """A computer may ask for signatures from now on."""
    return _letter(
        "Novo computador no seu certificado em nuvem",
        f"O computador “{name}” passou a pedir assinaturas com o seu certificado",
        at,
        "Abra o Link ID no celular e remova o computador da lista. Ele não assina nada sem a sua aprovação.",
    )


def credential_locked(nickname: str | None, since: datetime, until: datetime | None) -> Letter:
    """Wrong usage passwords locked the certificate. ``nickname``: of the phone they were typed on, None: unknown."""
    phone = "em um dos celulares vinculados" if nickname is None else f"no celular “{nickname}”"
    if until is None:
        end = "para sempre"
        mine = "Peça um novo certificado a quem o emitiu: este não assina mais nada."
    else:
        end = f"até {_moment(until)}"
        mine = "Espere até lá e use a senha certa: depois de outras três erradas seguidas o bloqueio é mais longo."
    fact = (
        f"O seu certificado foi bloqueado {end} porque a senha de uso foi digitada errada várias vezes seguidas "
        f"{phone}, a última"
    )
    return _letter(
        "Seu certificado em nuvem foi bloqueado por senhas erradas",
        fact,
        since,
        "Alguém está com esse celular e tenta adivinhar a sua senha. Nada foi assinado, e sem a senha nada será. Não "
        "diga a senha a ninguém e, se o celular não está com você, peça agora a revogação do certificado a quem o "
        "emitiu.",
        mine,
    )


def credential_blocked(nickname: str, at: datetime) -> Letter:
    """A phone of the holder's shut the certificate."""
    return _letter(
        "Seu certificado em nuvem foi bloqueado por você",
        f"O seu certificado foi bloqueado pelo botão “Bloquear tudo” do celular “{nickname}”. Nada é assinado com ele",
        at,
        "Nada foi assinado. Alguém está com esse celular: peça agora a revogação do certificado a quem o emitiu.",
        "Para desbloquear, abra o Link ID nesse mesmo celular, uma hora depois do bloqueio, e use a senha de uso. Se o "
        "celular não está mais com você, fale com o atendimento de quem emitiu o certificado.",
    )


def credential_unblocked(nickname: str, at: datetime) -> Letter:
    """The phone that had shut it opened it again, with the usage password."""
    return _letter(
        "Seu certificado em nuvem foi desbloqueado",
        f"O seu certificado foi desbloqueado no celular “{nickname}”, com a senha de uso",
        at,
        "Alguém está com esse celular e conhece a sua senha de uso: peça agora a revogação do certificado a quem o "
        "emitiu.",
    )


def passkey_enrolled(nickname: str, at: datetime) -> Letter:
    """A phone's passkey speaks for each of its decisions from now on."""
    return _letter(
        "Celular protegido pela tela de bloqueio",
        f"O celular “{nickname}” passou a pedir a tela de bloqueio (digital, rosto ou PIN) a cada aprovação",
        at,
        "Alguém está com esse celular e conhece a sua senha de uso: use “Bloquear tudo” em outro celular, se tiver, e "
        "peça agora a revogação do certificado a quem o emitiu.",
        "A senha de uso continua sendo pedida. Para desligar, abra “Este celular” no Link ID.",
    )


def passkey_removed(nickname: str, at: datetime) -> Letter:
    """It does no longer, by its own last word and the usage password."""
    return _letter(
        "Um celular não pede mais a tela de bloqueio",
        f"O celular “{nickname}” deixou de pedir a tela de bloqueio para aprovar, com a senha de uso",
        at,
        "Alguém está com esse celular, desbloqueia a tela dele e conhece a sua senha de uso: use “Bloquear tudo” em "
        "outro celular, se tiver, e peça agora a revogação do certificado a quem o emitiu.",
    )


def consent_ended(client: str, at: datetime) -> Letter:
    """An application sent wrong factors too often: its consent is over."""
    return _letter(
        "Uma autorização do seu certificado foi encerrada por senhas ou códigos errados",
        f"O sistema “{client}” enviou senhas ou códigos errados vezes demais, e a autorização que você deu a ele foi "
        "encerrada",
        at,
        "Alguém tenta assinar por esse sistema no seu lugar. Nada foi assinado com essas tentativas, e esse sistema "
        "não assina mais sem perguntar no celular. O seu certificado continua funcionando.",
        "Se quiser, autorize o sistema de novo, pelo celular.",
    )


def _moment(at: datetime) -> str:
    return at.astimezone(_BRASILIA).strftime("%d/%m/%Y às %H:%M")


def _letter(
    subject: str, fact: str, at: datetime, otherwise: str, mine: str = "Então não precisa fazer nada."
) -> Letter:
    return Letter(
        f"Link ID: {subject[0].lower()}{subject[1:]}",
        f"Olá,\n\n{fact} em {_moment(at)} (horário de Brasília).\n\nFoi você? {mine}\n\n"
        f"Não foi você? {otherwise}\n\nLink ID\n",
    )
