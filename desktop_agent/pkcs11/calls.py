"""Which calls are answered: number on the wire, name, letters of the request and of the answer."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Call:
    """One call of PKCS#11; `sessions.Connection` has a method of this name."""

    name: str
    request: str
    answer: str
    slow: bool = False
    """Its answer may wait for a person: others overtake it."""


CALLS: Final = {
    1: Call("initialize", "ayyay", ""),
    2: Call("finalize", "", ""),
    3: Call("get_info", "", "vsusv"),
    4: Call("get_slot_list", "yfu", "au"),
    5: Call("get_slot_info", "u", "ssuvv"),
    6: Call("get_token_info", "u", "ssssuuuuuuuuuuuvvs"),
    7: Call("get_mechanism_list", "ufu", "au"),
    8: Call("get_mechanism_info", "uu", "uuu"),
    10: Call("open_session", "uu", "u"),
    11: Call("close_session", "u", ""),
    12: Call("close_all_sessions", "u", ""),
    13: Call("get_session_info", "u", "uuuu"),
    18: Call("login", "uuay", ""),
    19: Call("logout", "u", ""),
    23: Call("get_object_size", "uu", "u"),
    24: Call("get_attribute_value", "uufA", "aAu"),
    26: Call("find_objects_init", "uaA", ""),
    27: Call("find_objects", "ufu", "au"),
    28: Call("find_objects_final", "u", ""),
    42: Call("sign_init", "uMu", ""),
    43: Call("sign", "uayfy", "ay", slow=True),
    44: Call("sign_update", "uay", ""),
    45: Call("sign_final", "ufy", "ay", slow=True),
    63: Call("seed_random", "uay", ""),
    64: Call("generate_random", "ufy", "ay"),
    65: Call("wait_for_slot_event", "u", "u", slow=True),
    66: Call("login_user", "uuayay", ""),
    67: Call("session_cancel", "uu", ""),
}
"""Others (a token that neither encrypts nor makes keys) are answered CKR_FUNCTION_NOT_SUPPORTED."""

HIGHEST_VERSION: Final = 2
