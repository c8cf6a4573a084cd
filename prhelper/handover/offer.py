"""What two starts of prhelper say to each other before the second takes the place of the first. No I/O.

The new one connects to the listening socket of the old one, from a socket that is bound to a name of its own, by which
the old one knows that it is no client. It answers once, with an offer or a refusal, a JSON object with a version. With
an offer go descriptors: one end of a mailbox, and duplicates of what is named, in that order. They are not to be used
yet. All else goes by the mailbox, a message at a time:

    new   READY PID NAME... it has started as far as it can, and would use what it names
    old   EMULATED, LEFT    with descriptors: the emulated units; mailboxes of those that the old one has replaced
    old   connections       copies (`message`); last without any, for the counts
    old   COPIED            that is all
    new   TAKEN             from here on it serves, and the old one does not
    old   connections       of which a command was in flight
    new   STOPPED           it was told to stop: those that are still to come need not

Until TAKEN the old one may say REFUSED with a reason, and serves on. A new one that dies is as one that says nothing.
If the old one dies before TAKEN, the new one goes on with what it has got.
"""

import json
from collections.abc import Sequence
from typing import NamedTuple

from . import message
from .message import HandoverError

_VERSION = 1
_NAME = "prhelper_replace"
_NO_OFFER = "the process that listens there does not know of --replace, or has ended"

REPLACES = b"\0prhelper-replace/"
"""How that name begins: an abstract address (unix(7)), so there is no file. Any process can have one."""

READY = b"ready"
EMULATED = b"emulated"
LEFT = b"left"
COPIED = b"copied"
TAKEN = b"taken"
STOPPED = b"stopped"
REFUSED = b"refused "

SOCKET, CONTROL, PIDFILE, STATE = "socket", "control", "pidfile", "state"
"""What there is a descriptor of: the listening socket, the control socket, the pidfile, the directory of emulated
units. The latter two are locked, and the lock goes with the descriptor."""


class RefusedError(Exception):
    """The old one is not to be replaced; the text says why, and what to do instead."""


class Offer(NamedTuple):
    """What the old one offers.

    pid: its own. role: helper, or worker. names: of the descriptors behind the mailbox.
    """

    pid: int
    role: str
    names: Sequence[str]


def encode(offer: Offer) -> bytes:
    """An offer."""
    return json.dumps({_NAME: _VERSION, "handover": message.VERSION, **offer._asdict()}).encode()


def encode_refusal(reason: str) -> bytes:
    """In the place of an offer."""
    return json.dumps({_NAME: _VERSION, "refused": reason}).encode()


def decode(data: bytes) -> Offer:
    """Read an offer. Raises RefusedError, or HandoverError if it is none of this version."""
    try:
        fields = json.loads(data.decode())
        version, refused = fields[_NAME], fields.get("refused")
        if isinstance(refused, str):
            raise RefusedError("".join(filter(str.isprintable, refused))[:500])
        if version != _VERSION or fields["handover"] != message.VERSION:
            raise HandoverError("it is of another version, whose way to hand over this prhelper does not know")
        pid, role, names = fields["pid"], fields["role"], fields["names"]
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise HandoverError(_NO_OFFER) from error
    if type(pid) is not int or not isinstance(names, list) or not {SOCKET} <= set(map(str, names)):
        raise HandoverError(_NO_OFFER)
    return Offer(pid, str(role), list(map(str, names)))
