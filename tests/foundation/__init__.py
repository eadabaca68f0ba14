"""The ground's own tests, one file per module of ``foundation``."""
