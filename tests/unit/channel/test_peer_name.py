"""The name of a peer's socket, which is the peer's own word."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from prhelper.channel import SocketChannel


@pytest.mark.parametrize(
    ("bound", "name"),
    [(None, b""), ("\0abstract/\udcff", b"\0abstract/\xff"), ("/", b"")],
    ids=["no name", "abstract", "path"],
)
def test_the_peers_name_is_the_one_that_it_has_chosen(tmp_path: Path, bound: str | None, name: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as peer:
        listening.bind(str(tmp_path / "listening"))
        listening.listen()
        if bound == "/":
            bound, name = str(tmp_path / "bound"), os.fsencode(tmp_path / "bound")
        if bound is not None:
            peer.bind(os.fsencode(bound))
        peer.connect(str(tmp_path / "listening"))
        with SocketChannel(listening.accept()[0]) as channel:
            assert channel.peer_name() == name


def test_a_socket_without_a_peer_has_no_name() -> None:
    with SocketChannel(socket.socket(socket.AF_UNIX)) as channel:
        assert channel.peer_name() == b""
