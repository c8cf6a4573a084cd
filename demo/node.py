"""A node of the cluster: sends what it is told to over its connection, and tells what came back, a line of JSON each.

Run as `python -m demo.node SOCKET DISK`.
"""

import json
import os
import sys

from tests.support.client import Client


def main(socket: str, disk: str) -> None:
    """Serve standard input until it ends."""
    fd = os.open(disk, os.O_RDWR)
    with Client(socket) as client:
        print(json.dumps("connected"), flush=True)
        for line in sys.stdin:
            cdb, parameter_list = (bytes.fromhex(text) for text in json.loads(line))
            reply = client.command(fd, cdb, parameter_list)
            print(json.dumps([reply.status, reply.sense.hex(), reply.payload.hex()]), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
