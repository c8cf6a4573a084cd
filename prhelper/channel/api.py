"""Every public name of the package, which gets them from here."""

from .base import Channel
from .block import BlockChannel
from .buffer import BufferChannel
from .byte_stream import ChannelStream
from .command import CommandChannel
from .context import BareCoroutine, Call, Context, current_context, pause, run, stepping
from .descriptors import OwnedFd
from .errors import (
    BrokenResourceError,
    BusyResourceError,
    ClosedResourceError,
    DescriptorsTruncatedError,
    EndOfStream,
    IncompleteRead,
    ShortageError,
)
from .eventfd import EventFd
from .fd_channel import FdChannel
from .feature import Feature
from .file import FileChannel
from .home import HomeLoop
from .listener import SocketListener
from .null import NullChannel
from .socket import SkippableWaiter, SocketChannel
from .tcp import TcpListener, connect_tcp
from .tls.channel import TlsChannel
from .tls.credentials import psk_client, psk_server, x509_client, x509_server
from .transfer import ReadableBuffer, Transfer, WritableBuffer
from .unix_path import UnixListener
from .waiter import Direction, Waiter, is_ready

__all__ = [
    "BareCoroutine",
    "BlockChannel",
    "BrokenResourceError",
    "BufferChannel",
    "BusyResourceError",
    "Call",
    "Channel",
    "ChannelStream",
    "ClosedResourceError",
    "CommandChannel",
    "Context",
    "DescriptorsTruncatedError",
    "Direction",
    "EndOfStream",
    "EventFd",
    "FdChannel",
    "Feature",
    "FileChannel",
    "HomeLoop",
    "IncompleteRead",
    "NullChannel",
    "OwnedFd",
    "ReadableBuffer",
    "ShortageError",
    "SkippableWaiter",
    "SocketChannel",
    "SocketListener",
    "TcpListener",
    "TlsChannel",
    "Transfer",
    "UnixListener",
    "Waiter",
    "WritableBuffer",
    "connect_tcp",
    "current_context",
    "is_ready",
    "pause",
    "psk_client",
    "psk_server",
    "run",
    "stepping",
    "x509_client",
    "x509_server",
]
