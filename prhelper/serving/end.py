"""How a conversation ends."""

import enum


class End(enum.Enum):
    """Why a conversation ended in which nothing went wrong."""

    HUNG_UP = "hung up"
    QUIESCED = "quiesced"
    """The channel was quiesced: the client is still there, between two requests."""


class AnswerLostError(Exception):
    """A command was carried out, and its answer did not reach the client; the text says which command, and why."""
