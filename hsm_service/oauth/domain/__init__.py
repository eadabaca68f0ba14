"""Pure: ``client`` (who may ask), ``grant`` (what for, how long), ``pkce``, ``caller`` (who a token says). No I/O; time
and randomness are arguments.
"""
