"""`linkid-desktop setup`: what makes other programs find the token, without root; shown before it is done, and undone.

`plan.py` says what there is to do on this computer, `parts.py` are the kinds of things it consists of (a file of ours,
a module in an NSS database, a systemd unit), `record.py` remembers what was done, so that exactly that can be undone.
"""
