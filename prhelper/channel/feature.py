"""What kinds of channel differ in, so that code for any of them can ask first (QEMU: QIOChannelFeature)."""

import enum


class Feature(enum.Flag):
    """What a channel can do beyond reading and writing. Without it, the operation raises io.UnsupportedOperation.

    FD_PASS: descriptors go along with the data.
    SHUTDOWN: one direction can be ended while the other goes on.
    LISTEN: it accepts channels, and carries no data itself.
    DELAY: small writes may be held back until there is more. No QIOChannelFeature: QEMU calls set_delay and set_cork on
        any channel, and those that cannot do it ignore it.
    SEEKABLE: it has a position that can be moved.
    """

    NONE = 0
    FD_PASS = enum.auto()
    SHUTDOWN = enum.auto()
    LISTEN = enum.auto()
    SEEKABLE = enum.auto()
    DELAY = enum.auto()
