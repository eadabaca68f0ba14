"""Pure: ``vendors`` (how each vendor's variant differs), ``scopes`` (what for, how long), ``authorization`` (its life),
``application`` (what one says of itself), ``reading`` (requests into values), ``hashes`` (digests as they come),
``outcome`` (what is posted of a consent), ``start`` (what is kept and posted of one), ``sealing`` (what only a code or
a token opens).
"""
