"""`linkid certificate`: list, show, revoke."""

from issuance.operator import certificate_arguments as arguments
from linkid.operators import act as run

__all__ = ["arguments", "run"]
