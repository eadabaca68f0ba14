"""The daemon and its token: protocol, consent, and programs that are not ours."""
