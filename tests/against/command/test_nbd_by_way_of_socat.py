"""The NBD client over a command channel: it works over any kind, and over TLS over any kind."""

from collections.abc import Callable
from pathlib import Path

import pytest

from prhelper.channel import CommandChannel, run

from ...unit.channel.contexts import ASYNCIO, THREAD, TRIO
from ..credentials import Credentials
from ..nbd.client_handshake import negotiate
from ..nbd.exercise import exercise
from ..nbd.link import Link
from ..nbd.programs import qemu_nbd

SHARE = 1 << 20


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_requests_from_every_context_at_once_each_get_their_own_reply(
    tmp_path: Path, certificates: Credentials, socat: Callable[[Path], CommandChannel], tls: bool
) -> None:
    """The replies come in by one pipe, read in one context; the requests go out by another, written in three."""
    link = Link(certificates if tls else None)
    image = tmp_path / "disk.raw"
    image.write_bytes(bytes(3 * SHARE))
    with qemu_nbd(image, link.qemu_server()) as (_, path):
        client = run(negotiate(socat(path), "", link.secure_client))
        receiving = TRIO.start(client.receive_replies)
        working = [
            context.start(lambda context=context, start=number * SHARE: exercise(client, context, start, SHARE))  # type: ignore[misc]
            for number, context in enumerate([ASYNCIO, TRIO, THREAD])
        ]
        wanted = b"".join(running.result() for running in working)
        run(client.disconnect())
        receiving.result()
        client.close()
    assert image.read_bytes() == wanted
