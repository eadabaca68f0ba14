"""Which settings of the environment each process of `linkid serve` is handed: its own, and those that are no secret.

A secret in the environment is read by whoever can read the process's memory, its core files or, as its user,
`/proc/<pid>/environ`, and goes on to whatever the process starts. So nobody gets another's: the app host no password,
the gateway no PIN, the SAM no SMS account. A settings *file* is read by each process by itself, whole; secrets in it
belong into files of their own (docs/settings.md).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Final

from foundation.settings import PREFIX, read_value
from linkid import profiling

_FOR_ALL: Final = ("environment", "var", "sams", "app", "gateway", "pki", "health", "tls")
"""Addresses, ports, paths: every process says where the others are, and the file names of the public certificate."""
_NOT_FOR_ALL: Final = ("gateway.secret",)

OWN: Final[Mapping[str, tuple[str, ...]]] = {
    "migrate": ("database.owner",),
    "hsm-sam": ("sam_hsm",),
    "hsm-ac": ("ac_hsm",),
    "sam": (
        "database.sam",
        "sam_hsm",
        "sam_hsm_spare",
        "sam_key_pool",
        "explicit",
        "softhsm_recycle_unwraps",
        "private_tls",
        "listen",
        "phone_wait_hours",
        "sam_fault_points",
    ),
    "ac": ("database.ac", "ac_hsm", "private_tls", "listen"),
    "gateway": (
        "database.gateway",
        "gateway.secret",
        "push",
        "pairing",
        "csc",
        "mtls",
        "documents",
        "oauth",
        "psc",
        "explicit",
        "sam_addresses",
        "ac",
        "private_tls",
    ),
    "app-host": (),
}
"""By process: the settings, or whole sections, that it gets beside those for all."""

_BOOTSTRAP: Final = ("LINKID_VAR", "LINKID_SETTINGS")
"""Read before any settings are."""
_PROFILED: Final = ("gateway", "sam")
"""Those that write a profile when asked to (development)."""
_HSM: Final = ("hsm-sam", "hsm-ac", "sam", "ac")
"""Those that load a PKCS#11 module, which may want variables of its vendor's (setting ``hsm_variables``)."""


def environment_of(process: str, environ: Mapping[str, str], hsm_variables: tuple[str, ...] = ()) -> dict[str, str]:
    """The variables that *process* (a key of ``OWN``) gets of *environ*, beside what every program needs."""
    wanted = _FOR_ALL + OWN[process]
    refused = tuple(key for key in _NOT_FOR_ALL if key not in OWN[process])
    given = dict(_single(environ))
    if process == "migrate" and any(_is_in(key, ("database.superuser",)) for key in given):
        wanted += ("database",)  # it then makes the roles, with the passwords that their addresses name
    ours = {
        f"{PREFIX}{key.upper().replace('.', '__')}": value
        for key, value in given.items()
        if _is_in(key, wanted) and not _is_in(key, refused)
    }
    others = _BOOTSTRAP + (hsm_variables if process in _HSM else ())
    if process in _PROFILED:
        others += (profiling.VARIABLE,)
    return {**{name: environ[name] for name in others if name in environ}, **ours}


def _is_in(key: str, sections: tuple[str, ...]) -> bool:
    return any(key == section or key.startswith(f"{section}.") for section in sections)


def _single(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Dotted key and text of each setting, tables (`LINKID__DATABASE={"sam": …}`) taken apart."""
    for name in sorted(environ):
        if name.startswith(PREFIX):
            key = name.removeprefix(PREFIX).lower().replace("__", ".")
            value = read_value(environ[name])
            if isinstance(value, dict):
                yield from _leaves(key, value)
            else:
                yield key, environ[name]


def _leaves(key: str, table: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        inner = f"{key}.{name.lower()}"
        if isinstance(value, dict):
            yield from _leaves(inner, value)
        elif value is not None:
            yield inner, value if isinstance(value, str) else json.dumps(value)
