"""The stories: ``authorizations`` (from authorize to token), ``tokens`` (whose is it), ``signatures`` (the one use of a
token, or a session's), ``discovery`` (who has a certificate here, and which), ``holders`` (whose credentials they are).
"""
