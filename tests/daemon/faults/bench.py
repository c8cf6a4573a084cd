"""Our helper with fake devices under it, started as a test wants it."""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ...support.client import Client, HungUpError
from ...support.fake_device import HANGING, HEALTHY, PATTERN, FakeDevice, Held
from ...support.helper import Helper, Rest, wait_until
from ...support.patience import PATIENCE
from ...support.spc import GOOD, reserve_in


class Bench:
    """A helper, its devices, and what it had open and running before the first client."""

    def __init__(
        self, library: Path, directory: Path, options: Sequence[str] = (), env: Mapping[str, str] | None = None
    ) -> None:
        self.device = FakeDevice(library, directory)
        self.helper = Helper(directory, options=options, env={**self.device.env, **(env or {})})
        self.rest: Rest = self.helper.rest()
        self.healthy = os.open(HEALTHY, os.O_RDWR)
        self.hanging = os.open(HANGING, os.O_RDWR)

    def connect(self, *, negotiate: bool = True, timeout: float = PATIENCE) -> Client:
        return Client(self.helper.socket, negotiate=negotiate, timeout=timeout)

    def connect_when_there_is_room(self) -> Client:
        """Connect under a limit; the helper may take a moment to notice that another client has left."""
        clients: list[Client] = []

        def connected() -> bool:
            try:
                clients.append(self.connect())
            except (HungUpError, BrokenPipeError):
                return False
            return True

        wait_until(connected, what="room for another client")
        return clients[0]

    def check_health(self) -> None:
        """One more client comes, and is served as ever."""
        with self.connect() as client:
            self.check_served(client)

    def check_served(self, client: Client) -> None:
        """A client's command is carried out and answered."""
        reply = client.command(self.healthy, reserve_in(0, 64))
        assert (reply.status, reply.payload) == (GOOD, PATTERN[:64])

    @contextlib.contextmanager
    def devices_hang(self, call: Held = Held.SG_IO) -> Iterator[None]:
        """What is done with the hanging device hangs meanwhile: commands, or another call on its descriptor."""
        self.device.hold(call)
        try:
            yield
        finally:
            self.device.release()

    def wait_for_hanging(self, count: int) -> None:
        """Wait until so many calls hang."""
        wait_until(lambda: self.device.hanging == count, what=f"{count} calls to hang")

    def check_nothing_is_left(self) -> None:
        """Every client is forgotten, its descriptors and its session with it."""
        self.helper.wait_for_rest(self.rest)

    def close(self) -> None:
        self.device.release()
        self.helper.__exit__()
        os.close(self.healthy)
        os.close(self.hanging)
