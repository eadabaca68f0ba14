"""Pure: ``client`` (who may ask), ``registering`` (what may be said of one), ``certificates`` (by which one is known),
``grant`` (what for, how long), ``wish`` (what is to be signed), ``pkce``, ``sealing`` (what only a token's text opens),
``caller`` (who a token says), ``pace`` (how often one calls). No I/O; time and randomness are arguments.
"""
