"""What the AC decides, without I/O: ``authority`` (itself), ``certificate`` (to be signed), ``permit`` (why it may),
``publication`` (revocation lists and OCSP answers).
"""
