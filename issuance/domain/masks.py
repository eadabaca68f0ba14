"""Showing enough of a personal number to recognise one's own, and no more."""


def masked_phone(e164: str) -> str:
    """``+55 31 *****-0000``: country, area and the last four digits of a Brazilian number; else the last four."""
    if e164.startswith("+55") and len(e164) in (13, 14):
        hidden = "*" * (len(e164) - 9)
        return f"+55 {e164[3:5]} {hidden}-{e164[-4:]}"
    return f"{e164[:3]} {'*' * (len(e164) - 7)}{e164[-4:]}"
