"""Signature policies from the files that the settings name."""

from hsm_service.documents.domain.policies import MAX_POLICY, PolicyShelf, read_policy
from hsm_service.documents.errors import PolicyUnreadable
from hsm_service.documents.settings import PolicySettings


def read_policies(settings: PolicySettings) -> PolicyShelf:
    """All of them, once, before anything is served. Raises PolicyUnreadable naming the file."""
    found = {}
    for key, given in settings.files().items():
        try:
            with given.file.open("rb") as file:
                found[key] = read_policy(file.read(MAX_POLICY + 1), given.uri)
        except OSError as cause:
            raise PolicyUnreadable(f"{given.file}: {cause.strerror}") from cause
        except PolicyUnreadable as cause:
            raise PolicyUnreadable(f"{given.file}: {cause.detail}") from cause
    return found
