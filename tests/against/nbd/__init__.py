"""NBD on the channel layer, against QEMU's own programs: a client for qemu-nbd, a server for qemu-io and qemu-img.

    wire.py                what both ends write: the numbers and the headers of the protocol
    client_handshake.py    from a connected channel to a Client: fixed newstyle, TLS perhaps, structured replies
    client.py              many requests in flight: one coroutine reads replies, others elsewhere write requests
    server_handshake.py    the same haggling from the other side
    server.py              one coroutine reads requests, others elsewhere answer them
    serving.py             a listening server with a thread for each coroutine
    exercise.py            work for the client
    link.py                what both ends are told so that they talk plainly, or over TLS
    service.py             a listening qemu-nbd, and how the client gets to it
    programs.py            qemu-nbd, qemu-io and qemu-img as a test starts them

The protocol is that of doc/proto.md of github.com/NetworkBlockDevice/nbd.
"""
