"""`linkid request`: order a certificate for a person."""

from issuance.operator import request_arguments as arguments
from linkid.operators import act as run

__all__ = ["arguments", "run"]
