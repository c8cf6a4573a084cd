"""How a client and a server are linked: plainly, or by TLS with certificates on both sides."""

from pathlib import Path

from prhelper.channel import Channel, TlsChannel

from ..certificates import SERVER, Certificates

_CREDENTIALS = "tls-creds-x509,id=tls0,dir={},endpoint={}"


class Link:
    """What each program and each example is told, so that both ends do the same.

    certificates: None for a plain connection.
    """

    def __init__(self, certificates: Certificates | None) -> None:
        self._certificates = certificates
        self.secure_client = None if certificates is None else self._secure_client
        self.secure_server = None if certificates is None else self._secure_server

    def qemu_server(self) -> list[str]:
        """Options of qemu-nbd."""
        return [] if self._certificates is None else [*self._credentials("server"), "--tls-creds=tls0"]

    def qemu_client(self, path: Path, form: str = "raw", **more: object) -> list[str]:
        """Options of qemu-io, and of qemu-img after its verb: the image that is served as "disk" at `path`.

        more: options of QEMU's driver, with underscores for hyphens.
        """
        options = f"driver={form},file.driver=nbd,file.server.type=unix,file.server.path={path},file.export=disk"
        if self._certificates is not None:
            options += f",file.tls-creds=tls0,file.tls-hostname={SERVER}"
        for name, value in more.items():
            options += f",file.{name.replace('_', '-')}={value}"
        return [*self._credentials("client"), "--image-opts", options]

    def _credentials(self, endpoint: str) -> list[str]:
        if self._certificates is None:
            return []
        return ["--object", _CREDENTIALS.format(self._certificates.directory, endpoint)]

    async def _secure_client(self, channel: Channel) -> Channel:
        assert self._certificates is not None
        return await _shake_hands(TlsChannel.client(channel, self._certificates.client_context(), SERVER))

    async def _secure_server(self, channel: Channel) -> Channel:
        assert self._certificates is not None
        return await _shake_hands(TlsChannel.server(channel, self._certificates.server_context()))


async def _shake_hands(channel: TlsChannel) -> TlsChannel:
    try:
        await channel.handshake()
    except BaseException:
        channel.close()
        raise
    return channel
