"""The NBD protocol's numbers and headers (doc/proto.md of the NBD project). All integers are big-endian."""

import enum
import struct

GREETING = struct.Struct(">8s8sH")
"""Magic, magic, handshake flags: the server's first words."""

MAGIC = b"NBDMAGIC"
OPTION_MAGIC = b"IHAVEOPT"
OPTION_REPLY_MAGIC = 0x0003_E889_0455_65A9
REQUEST_MAGIC = 0x2560_9513
SIMPLE_REPLY_MAGIC = 0x6744_6698
CHUNK_MAGIC = 0x668E_33EF

CLIENT_FLAGS = struct.Struct(">I")
OPTION = struct.Struct(">8sII")
"""Magic, option, length of what follows."""

OPTION_REPLY = struct.Struct(">QIII")
"""Magic, option, kind of reply, length of what follows."""

LENGTH = struct.Struct(">I")
INFO_KIND = struct.Struct(">H")
INFO_EXPORT = struct.Struct(">HQH")
"""Kind of information, size of the export, transmission flags."""

CONTEXT_ID = struct.Struct(">I")

REQUEST = struct.Struct(">IHHQQI")
"""Magic, command flags, command, cookie, offset, length."""

REPLY_MAGIC = struct.Struct(">I")
SIMPLE_REPLY = struct.Struct(">IIQ")
"""Magic, error, cookie."""

CHUNK = struct.Struct(">IHHQI")
"""Magic, chunk flags, kind of chunk, cookie, length of what follows: one piece of a structured reply."""

OFFSET = struct.Struct(">Q")
HOLE = struct.Struct(">QI")
EXTENT = struct.Struct(">II")
ERROR = struct.Struct(">IH")
"""Error, length of the message that follows."""

LONGEST_OPTION = 16 * 1024
LONGEST_PAYLOAD = 32 * 1024 * 1024


class HandshakeFlag(enum.IntFlag):
    """What either side can do in the handshake; client and server use the same bits."""

    FIXED_NEWSTYLE = 1 << 0
    NO_ZEROES = 1 << 1


class Option(enum.IntEnum):
    """What a client asks for before the data flows."""

    EXPORT_NAME = 1
    ABORT = 2
    LIST = 3
    STARTTLS = 5
    INFO = 6
    GO = 7
    STRUCTURED_REPLY = 8
    SET_META_CONTEXT = 10


class OptionReply(enum.IntEnum):
    """What a server says to an option."""

    ACK = 1
    SERVER = 2
    INFO = 3
    META_CONTEXT = 4
    ERR_UNSUP = 1 << 31 | 1
    ERR_INVALID = 1 << 31 | 3
    ERR_TLS_REQD = 1 << 31 | 5
    ERR_UNKNOWN = 1 << 31 | 6


IS_ERROR = 1 << 31
"""This bit makes an option's reply an error."""


class Info(enum.IntEnum):
    """What a server tells about an export."""

    EXPORT = 0


class TransmissionFlag(enum.IntFlag):
    """What an export can do."""

    HAS_FLAGS = 1 << 0
    READ_ONLY = 1 << 1
    SEND_FLUSH = 1 << 2
    SEND_FUA = 1 << 3
    SEND_TRIM = 1 << 5
    SEND_WRITE_ZEROES = 1 << 6


class Command(enum.IntEnum):
    """What a request asks for."""

    READ = 0
    WRITE = 1
    DISC = 2
    FLUSH = 3
    TRIM = 4
    WRITE_ZEROES = 6
    BLOCK_STATUS = 7


class CommandFlag(enum.IntFlag):
    """How a command is meant."""

    FUA = 1 << 0


class Chunk(enum.IntEnum):
    """The kinds of pieces of a structured reply."""

    NONE = 0
    OFFSET_DATA = 1
    OFFSET_HOLE = 2
    BLOCK_STATUS = 5
    ERROR = 1 << 15 | 1
    ERROR_OFFSET = 1 << 15 | 2


CHUNK_DONE = 1 << 0
"""The flag of a reply's last chunk."""


class ProtocolError(Exception):
    """The other side does not speak NBD as it should."""


def expect(found: object, wanted: object, what: str) -> None:
    """Raise ProtocolError unless the other side sent what it must."""
    if found != wanted:
        raise ProtocolError(f"{what} is {found!r} and not {wanted!r}")
