"""The service seen from outside: `http` carries, `oauth` proves who we are, `links` associates, `csc_client` signs;
`loopback` finds a service on this very machine, `tls` says whose https certificates are believed.
"""
