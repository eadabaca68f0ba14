"""What can be wrong."""

from foundation.errors import BadInput, NotFound


class BadAddress(BadInput):
    """Not an address that we would send to; the detail says what is wanted."""

    code = "webhook_address_invalid"
    summary = "The webhook address is not valid."
    may_disclose = True


class NoSuchApplication(NotFound):
    """No application of that id."""

    code = "webhook_application_unknown"
    summary = "There is no such application."
