"""Pure: ``form`` (what goes with what), ``signatory``, ``prepared`` (the first half as bytes), ``policies``,
``stamp`` (what is seen on the page), ``evidence``, ``findings`` of a verification, ``question`` to it, ``parcel`` (what
goes to a process and back), ``encodings``.

No I/O; time is an argument.
"""
