"""Which process gets which setting, when settings are environment variables."""

from linkid.environment import _FOR_ALL, OWN, environment_of
from linkid.settings import Settings

_SERVES = {"longest_pause", "hsm_variables"}
"""Read by `linkid serve` itself, and nobody else."""


def test_every_setting_reaches_somebody() -> None:
    """One that no process gets would be believed to be set, and do nothing."""
    owned = {key.partition(".")[0] for keys in OWN.values() for key in keys}
    assert set(Settings.model_fields) - set(_FOR_ALL) - owned == _SERVES


def test_what_is_about_sams_reaches_them() -> None:
    """Whole sections, and single keys."""
    given = {"LINKID__SAM_KEY_POOL__RSA_2048": "3", "LINKID__SOFTHSM_RECYCLE_UNWRAPS": "9", "LINKID__AC": "tls:x:1"}
    got = environment_of("sam", given)
    assert sorted(set(got) & set(given)) == ["LINKID__SAM_KEY_POOL__RSA_2048", "LINKID__SOFTHSM_RECYCLE_UNWRAPS"]
