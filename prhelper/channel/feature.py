"""What a kind of channel can do beyond reading and writing (QEMU: QIOChannelFeature)."""

import enum


class Feature(enum.Flag):
    """Without the feature, its operation raises io.UnsupportedOperation.

    FD_PASS: passes descriptors along with the data.
    SHUTDOWN: can end one direction while the other goes on.
    LISTEN: accepts channels, and carries no data itself.
    SEEKABLE: has a position that can be moved.
    DELAY: can hold back small writes until there is more. Not a QIOChannelFeature: in QEMU, set_delay and set_cork do
        nothing on a channel that lacks them.
    """

    NONE = 0
    FD_PASS = enum.auto()
    SHUTDOWN = enum.auto()
    LISTEN = enum.auto()
    SEEKABLE = enum.auto()
    DELAY = enum.auto()
