"""What an operator's commands do: keys, orders, and what becomes of them.

``requests`` places orders, ``certificates`` lists and revokes, ``clients`` makes integrators known to the SAM,
``holders`` shuts a holder's certificate and opens it again,
``house`` signs and countersigns orders about the keys in a token, ``context`` finds key and pins. The roof mounts
``commands.add_commands`` under ``linkid`` (or the three ``*_arguments`` functions one by one), makes an
``OperatorContext`` from its settings, and awaits ``commands.perform(given, context)``. An operator talks to the AC
and the SAM over their private channel; the gateway has no part in it.
"""

from issuance.operator.clients import order_client
from issuance.operator.commands import (
    add_commands,
    certificate_arguments,
    operator_arguments,
    perform,
    request_arguments,
)
from issuance.operator.context import OperatorContext, OperatorMistake
from issuance.operator.holders import order_admission, order_block, standing

__all__ = [
    "OperatorContext",
    "OperatorMistake",
    "add_commands",
    "certificate_arguments",
    "operator_arguments",
    "order_admission",
    "order_block",
    "order_client",
    "perform",
    "request_arguments",
    "standing",
]
