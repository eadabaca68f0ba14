"""`linkid operator`: the key that signs orders."""

from issuance.operator import operator_arguments as arguments
from linkid.operators import act as run

__all__ = ["arguments", "run"]
