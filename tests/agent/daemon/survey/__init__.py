"""`make test-programs`: programs that are not ours use the certificate, while the phone is quick, slow, says no, or
the daemon is killed under them; writes docs/desktop-programs.md.

Apart from `make test`: it takes a quarter of an hour, and what it runs is what this machine happens to have. Each cell
of the table is a world of its own (`world.py`): a daemon in a process of its own behind sockets that wait for programs
as systemd's do, and a service that answers as the column says (`phone.py`). So columns that wait do so side by side.

    make test-programs                          every row, and the page
    make test-programs ONLY="pdfsig firefox"    rows with these words; the page only with RESUME=1
    make test-programs UNDER=yes,no,killed      without the columns that wait: 5, 20, 45
    make test-programs RESUME=1                 only what the last run left out or what did not go as expected

What no package of the system brings is named by the environment, and the row says so:

    P11_KIT_NEWER      where newer p11-kits were installed (several with `:` between them)
    PKCS11_PROVIDER    pkcs11.so of OpenSSL's provider for PKCS#11
    WEB_EID_EXTENSION  Web eID's extension, unpacked, as its project builds it for Chrome
    WEB_EID_LIBRARY    web-eid.js, as its project builds it for pages
"""
