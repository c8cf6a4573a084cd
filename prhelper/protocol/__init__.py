"""The wire format of QEMU's persistent reservation helper, both halves, without I/O: bytes in, messages out.

All integers are big-endian. The conversation:

1. The helper sends four bytes, the features that it offers. The client answers with four, those it wants.
2. Request: a 16-byte CDB, with one descriptor attached to any of its bytes. Bytes 7 and 8 of the CDB are the length,
   at most 8192; for PERSISTENT RESERVE OUT that many bytes of parameter list follow.
3. Response: status and payload size, four bytes each, 96 bytes of sense data, the payload. Only PERSISTENT RESERVE IN
   that ends with GOOD has a payload, of at most its allocation length. Then comes the next request.

A violation raises ProtocolError, and the decoder stays failed. QEMU specifies the protocol in
docs/interop/pr-helper.rst, and no features. Ours has one, ON_BEHALF, between a daemon and its multipath worker, which
alone offers it: an `Origin` follows each request, and a `Report` each response (on_behalf.py).

    helper.py     the helper's half: RequestDecoder, encode_response
    client.py     the client's half: ResponseDecoder, encode_request
    framing.py    what they share: ProtocolError, encode_features, messages put together from what was read
    on_behalf.py  Origin and Report
"""

from .client import Response, ResponseDecoder, encode_request
from .framing import ON_BEHALF, ProtocolError, encode_features
from .helper import Request, RequestDecoder, encode_response
from .on_behalf import Origin, Report

__all__ = [
    "ON_BEHALF",
    "Origin",
    "ProtocolError",
    "Report",
    "Request",
    "RequestDecoder",
    "Response",
    "ResponseDecoder",
    "encode_features",
    "encode_request",
    "encode_response",
]
