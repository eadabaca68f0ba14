"""Pure: ``request`` (the states), ``policy`` (what is admissible), ``uses`` of sessions, ``algorithms``, ``labels``,
``secret``, ``preparations`` (sealing documents that wait). No I/O; time and randomness are arguments.
"""
