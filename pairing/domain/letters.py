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


def computer_associated(name: str, at: datetime) -> Letter:
    """A computer may ask for signatures from now on."""
    return _letter(
        "Novo computador no seu certificado em nuvem",
        f"O computador “{name}” passou a pedir assinaturas com o seu certificado",
        at,
        "Abra o Link ID no celular e remova o computador da lista. Ele não assina nada sem a sua aprovação.",
    )


def _letter(subject: str, fact: str, at: datetime, otherwise: str) -> Letter:
    moment = at.astimezone(_BRASILIA).strftime("%d/%m/%Y às %H:%M")
    return Letter(
        f"Link ID: {subject[0].lower()}{subject[1:]}",
        f"Olá,\n\n{fact} em {moment} (horário de Brasília).\n\nFoi você? Então não precisa fazer nada.\n\n"
        f"Não foi você? {otherwise}\n\nLink ID\n",
    )
