"""What Twilio's OpenAPI document says of sending a message: the few lines that our adapter and its stand-in meet.

Read from ``twilio_api_v2010.yaml`` of github.com/twilio/twilio-oai (2026-04-14). The document itself is not kept here;
``test_fake_twilio.py`` holds these lines against the one that Twilio's own package carries.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

MESSAGES: Final = "/2010-04-01/Accounts/{AccountSid}/Messages.json"

ACCOUNT: Final = r"^AC[0-9a-fA-F]{32}$"
SERVICE: Final = r"^MG[0-9a-fA-F]{32}$"
MESSAGE: Final = r"^(SM|MM)[0-9a-fA-F]{32}$"

STATUSES: Final = frozenset(
    {
        *("queued", "sending", "sent", "failed", "delivered", "undelivered", "receiving", "received", "accepted"),
        *("scheduled", "read", "partially_delivered", "canceled"),
    }
)
DIRECTIONS: Final = frozenset({"inbound", "outbound-api", "outbound-call", "outbound-reply"})


@dataclass(frozen=True)
class Member:
    """A parameter or member: its type, the pattern or the words it must be of, and whether it may be null."""

    type: str
    pattern: str | None = None
    words: frozenset[str] | None = None
    nullable: bool = True

    def fault(self, value: object) -> str | None:
        """What is wrong with a value; None: nothing."""
        if value is None:
            return None if self.nullable else "null"
        if not isinstance(value, {"string": str, "integer": int, "object": dict}[self.type]):
            return f"not {self.type}"
        if self.pattern is not None and not re.search(self.pattern, str(value)):
            return f"{value!r} does not match {self.pattern}"
        if self.words is not None and value not in self.words:
            return f"{value!r} is not in the enumeration"
        return None


REQUIRED: Final = ("To",)
PARAMETERS: Final = {
    "To": Member("string"),
    "From": Member("string"),
    "MessagingServiceSid": Member("string", SERVICE),
    "Body": Member("string"),
    "ValidityPeriod": Member("integer"),
    "StatusCallback": Member("string"),
}
"""Those that we send. (Others exist; sending one of them needs its line here.)"""

LONGEST_VALIDITY: Final = 36_000
"""In the parameter's description."""

ANSWER: Final = {
    "account_sid": Member("string", ACCOUNT),
    "api_version": Member("string"),
    "body": Member("string"),
    "date_created": Member("string"),
    "date_sent": Member("string"),
    "date_updated": Member("string"),
    "direction": Member("string", words=DIRECTIONS, nullable=False),
    "error_code": Member("integer"),
    "error_message": Member("string"),
    "from": Member("string"),
    "messaging_service_sid": Member("string", SERVICE),
    "num_media": Member("string"),
    "num_segments": Member("string"),
    "price": Member("string"),
    "price_unit": Member("string"),
    "sid": Member("string", MESSAGE),
    "status": Member("string", words=STATUSES, nullable=False),
    "subresource_uris": Member("object"),
    "to": Member("string"),
    "uri": Member("string"),
}


def request_faults(account: str, form: Mapping[str, str]) -> list[str]:
    """Where a request to send departs from the document."""
    found = [] if re.search(ACCOUNT, account) else [f"account {account!r}"]
    found += [f"{name}: not a parameter" for name in form.keys() - PARAMETERS.keys()]
    for name in form.keys() & PARAMETERS.keys():
        member, value = PARAMETERS[name], form[name]
        number = member.type == "integer" and value.isdigit()
        fault = member.fault(int(value) if number else value)
        found += [f"{name}: {fault}"] if fault else []
    if not 1 <= int(form.get("ValidityPeriod", "1")) <= LONGEST_VALIDITY:
        found.append("ValidityPeriod: outside 1 to 36000")
    if "_" in form.get("StatusCallback", "").partition("://")[2].partition("/")[0]:
        found.append("StatusCallback: underscore in the host")
    return found


def answer_faults(answer: Mapping[str, Any]) -> list[str]:
    """Where an answer departs from the document."""
    found = [f"{name}: not in the document" for name in answer.keys() - ANSWER.keys()]
    found += [f"{name}: missing" for name in ANSWER.keys() - answer.keys()]
    for name in answer.keys() & ANSWER.keys():
        fault = ANSWER[name].fault(answer[name])
        found += [f"{name}: {fault}"] if fault else []
    return found
