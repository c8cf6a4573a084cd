"""How a client and a server are linked: plainly, or by TLS, each having to prove itself to the other."""

from pathlib import Path

from prhelper.channel import Channel, TlsChannel

from ..credentials import SERVER, Credentials


class Link:
    """What each program and each example is told, so that both ends do the same.

    credentials: None for a plain connection.
    """

    def __init__(self, credentials: Credentials | None) -> None:
        self._credentials = credentials
        self.secure_client = None if credentials is None else self._secure_client
        self.secure_server = None if credentials is None else self._secure_server

    def qemu_server(self) -> list[str]:
        """Options of qemu-nbd."""
        return [] if self._credentials is None else [*self._object("server"), "--tls-creds=tls0"]

    def qemu_client(self, path: Path, form: str = "raw", **more: object) -> list[str]:
        """Options of qemu-io, and of qemu-img after its verb: the image that is served as "disk" at `path`.

        more: options of QEMU's driver, with underscores for hyphens.
        """
        options = f"driver={form},file.driver=nbd,file.server.type=unix,file.server.path={path},file.export=disk"
        if self._credentials is not None:
            options += f",file.tls-creds=tls0,file.tls-hostname={SERVER}"
        for name, value in more.items():
            options += f",file.{name.replace('_', '-')}={value}"
        return [*self._object("client"), "--image-opts", options]

    def _object(self, endpoint: str) -> list[str]:
        if self._credentials is None:
            return []
        return ["--object", f"{self._credentials.kind},id=tls0,dir={self._credentials.directory},endpoint={endpoint}"]

    async def _secure_client(self, channel: Channel) -> Channel:
        assert self._credentials is not None
        return await _shake_hands(TlsChannel.client(channel, self._credentials.client_context(), SERVER))

    async def _secure_server(self, channel: Channel) -> Channel:
        assert self._credentials is not None
        return await _shake_hands(TlsChannel.server(channel, self._credentials.server_context()))


async def _shake_hands(channel: TlsChannel) -> TlsChannel:
    try:
        await channel.handshake()
    except BaseException:
        channel.close()
        raise
    return channel
