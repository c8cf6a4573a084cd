"""A multipathd that is only told."""

from prhelper.device.multipath.multipathd import Multipathd, Reply


class Told(Multipathd):
    """Answers "ok", or as it is told to, and remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(())
        self.requests: list[str] = []
        self.reply = Reply("ok")

    def request(self, command: str) -> Reply:
        self.requests.append(command)
        return self.reply
