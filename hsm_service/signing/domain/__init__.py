"""Pure: ``request`` (the states), ``policy`` (what is admissible), ``algorithms``, ``labels``, ``secret``. No I/O; time
and randomness are arguments.
"""
