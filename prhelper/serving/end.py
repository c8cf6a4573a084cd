"""How a conversation ends."""

import enum


class End(enum.Enum):
    """Why a conversation ended without an error."""

    HUNG_UP = "hung up"
    QUIESCED = "quiesced"
    """The channel was quiesced: the client is still connected, and between two requests."""


class AnswerLostError(Exception):
    """A command was carried out, but its answer did not reach the client. The text says which, and why."""
