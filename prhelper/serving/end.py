"""How a conversation ends."""

import enum
from typing import NamedTuple

from ..channel import OwnedFd
from ..protocol import RequestDecoder


class End(enum.Enum):
    """Why a conversation ended without an error."""

    HUNG_UP = "hung up"


class AtRest(NamedTuple):
    """The channel was quiesced: the client is still connected, and the conversation can go on from here, anywhere.

    agreed: the features in use; None if the client has yet to say which it wants. It was told those offered.
    begun: what was read of a request, or of the negotiation, that is not complete.
    device: the descriptor that came with it, owned by the holder of this.
    deadline: a time of `time.monotonic` for the rest of it; None between two requests.
    """

    agreed: int | None
    begun: bytes = b""
    device: OwnedFd | None = None
    deadline: float | None = None

    @classmethod
    def of(cls, decoder: RequestDecoder, deadline: float | None) -> "AtRest":
        """The conversation that a decoder is in the midst of; takes its descriptor."""
        agreed = None if decoder.negotiating else decoder.agreed
        return cls(agreed, decoder.begun, decoder.take_descriptor(), deadline)

    def restore(self, decoder: RequestDecoder) -> None:
        """Let a new decoder go on from here; it owns the descriptor then. Raises ProtocolError."""
        decoder.restore(self.agreed, self.begun, [] if self.device is None else [self.device])


class AnswerLostError(Exception):
    """A command was carried out, but its answer did not reach the client. The text says which, and why."""
