"""Whom an address stands for, where callers are counted. Pure."""

import ipaddress


def network(address: str) -> str:
    """What counts as one caller: an IPv4 address, or the /64 that one IPv6 customer is given. Unreadable ones share."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)
