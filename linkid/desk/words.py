"""What the page calls things: Portuguese for names of facts and their values. What has no word stands as it is."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "subject": "titular", "state": "situação", "valid_to": "válido até", "nickname": "apelido",
        "created_at": "criado em", "last_seen_at": "visto por último", "removed_at": "removido em", "push": "aviso",
        "bells": "toques", "name": "nome", "os": "sistema", "device": "celular", "since": "desde",
        "last_used_at": "usado por último", "kind": "tipo", "credential": "certificado", "until": "até",
        "sends": "mensagens", "tries": "tentativas", "delivery": "entrega", "failure": "falha", "messages": "mensagens",
        "waiting": "à espera", "eldest": "a mais antiga", "prefix": "bloco", "entered": "digitados",
        "rate": "conversão", "id": "identificador", "fcm": "Firebase", "webpush": "navegador",
        "document": "pedido", "pushed_at": "avisado em", "heard_at": "ouvido em", "settled_at": "resolvido em",
        "credential_locked": "bloqueado por senhas erradas", "credential_blocked": "bloqueado pelo titular",
        "credential_unblocked": "desbloqueado", "phone_waiting": "celular em espera", "active": "ativo",
        "verified": "número confirmado", "named": "com apelido", "trial": "em teste", "removed": "removido",
        "revoked": "revogado", "dead": "encerrado", "sent": "enviado", "queued": "na fila", "sms": "SMS",
        "doorbell": "toque no aplicativo", "email": "e-mail", "holder-asked": "pedido do titular",
        "suspected-fraud": "suspeita de fraude", "by-law": "ordem judicial", "in-person": "pessoalmente",
        "by-video": "por vídeo", "by-certificate": "por outro certificado",
    }
)  # fmt: skip


def word(name: str) -> str:
    """As the page says it."""
    return WORDS.get(name, name)
