"""What both processes of a replacement do with the mailbox between them."""

import socket

import anyio

from ..handover import mailbox
from ..handover.mailbox import Received


async def next_message(end: socket.socket) -> Received | None:
    """Wait for the next message, and take it out; None at the end. Raises OSError."""
    while True:
        try:
            return mailbox.take(end)
        except BlockingIOError:
            await anyio.wait_readable(end)
