"""The wire format of QEMU's persistent reservation helper, both halves, without I/O: bytes in, messages out.

All integers are big-endian. The conversation:

1. The helper sends four bytes, the features that it offers (none today). The client answers with four, those it wants.
2. Request: a 16-byte CDB, with one descriptor attached to any of its bytes. Bytes 7 and 8 of the CDB are the length,
   at most 8192; for PERSISTENT RESERVE OUT that many bytes of parameter list follow.
3. Response: status and payload size, four bytes each, 96 bytes of sense data, the payload. Only PERSISTENT RESERVE IN
   that ends with GOOD has a payload, of at most its allocation length. Then comes the next request.

A violation raises ProtocolError, and the decoder stays failed. QEMU specifies the protocol in
docs/interop/pr-helper.rst.

    helper.py    the helper's half: RequestDecoder, encode_response
    client.py    the client's half: ResponseDecoder, encode_request
    framing.py   what they share: ProtocolError, encode_features, messages put together from what was read
"""

from .client import ResponseDecoder, encode_request
from .framing import ProtocolError, encode_features
from .helper import Request, RequestDecoder, encode_response

__all__ = [
    "ProtocolError",
    "Request",
    "RequestDecoder",
    "ResponseDecoder",
    "encode_features",
    "encode_request",
    "encode_response",
]
