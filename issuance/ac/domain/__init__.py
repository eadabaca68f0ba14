"""What the AC decides, without I/O: ``authority`` (itself), ``certificate`` (to be signed), ``permit`` (why it may),
``publication`` (revocation lists and OCSP answers), ``time_stamp`` (RFC 3161 on the wire).
"""
