"""Pure: ``form`` (what goes with what), ``signatory``, ``prepared`` (the first half as bytes), ``policies``,
``stamp``. No I/O; time is an argument.
"""
