"""Rows of schema ``oauth`` as domain objects, by noun: ``clients``, authorize ``pages`` and what was pushed ahead,
``codes``, ``tokens``, ``calls`` (how many lately); ``forgetting`` what is over; ``queries``: their statements.

Stores read by themselves; what belongs to a larger step writes in the transaction it is given.
"""

from hsm_service.oauth.store.calls import CallStore
from hsm_service.oauth.store.clients import ClientStore, ClientSummary, Standing
from hsm_service.oauth.store.codes import CodeStore
from hsm_service.oauth.store.forgetting import forget
from hsm_service.oauth.store.pages import PageStore
from hsm_service.oauth.store.tokens import Bearer, SeenRefresh, Shown, TokenStore

__all__ = [
    "Bearer",
    "CallStore",
    "ClientStore",
    "ClientSummary",
    "CodeStore",
    "PageStore",
    "SeenRefresh",
    "Shown",
    "Standing",
    "TokenStore",
    "forget",
]
