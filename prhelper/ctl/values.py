"""Arguments of the command line made into values, with sg_persist's ways to write them."""

import argparse

from ..client import ReservationType, TransportID, TransportIDError, parse_transport_id

_KEY_BITS = 64
_PREFIXES = {"sas,": "naa.", "fcp,": "fc."}


def key(text: str) -> int:
    """A reservation key in hexadecimal, with or without 0x."""
    value = _number(text, 16, "a key in hexadecimal")
    if value >= 1 << _KEY_BITS:
        raise argparse.ArgumentTypeError(f"'{text}' has no room in eight bytes")
    return value


def reservation_type(text: str) -> ReservationType:
    """A type by its number in hexadecimal, or by its name."""
    name = text.upper().replace("-", "_").replace(" ", "_")
    if name in ReservationType.__members__:
        return ReservationType[name]
    try:
        return ReservationType(int(text, 16))
    except ValueError:
        known = ", ".join(f"{each.value:x} {each.name.lower().replace('_', '-')}" for each in ReservationType)
        raise argparse.ArgumentTypeError(f"'{text}' is none of: {known}") from None


def transport_id(text: str) -> TransportID:
    """An initiator port: sas,HEX or naa.HEX, fcp,HEX or fc.HEX, or an iSCSI name."""
    for prefix, ours in _PREFIXES.items():
        if text.lower().startswith(prefix):
            digits = text[len(prefix) :].lower().removeprefix("0x")
            text = ours + (digits and digits.rjust(16, "0"))
    try:
        return parse_transport_id(text)
    except TransportIDError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def port_number(text: str) -> int:
    """A relative target port identifier, in decimal or with 0x."""
    value = _number(text, 0, "a number")
    if value >= 1 << 16:
        raise argparse.ArgumentTypeError(f"'{text}' has no room in two bytes")
    return value


def seconds(text: str) -> float:
    """How long something may take."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"'{text}' is no number of seconds above 0")
    return value


def count(text: str) -> int:
    """How many, at least one."""
    value = _number(text, 10, "a number")
    if value < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is less than 1")
    return value


def _number(text: str, base: int, what: str) -> int:
    try:
        value = int(text, base)
    except ValueError:
        value = -1
    if value < 0:
        raise argparse.ArgumentTypeError(f"'{text}' is not {what}")
    return value
