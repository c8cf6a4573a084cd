"""What multipathd is told, which registers paths of its own accord when they come back.

The order matters, and each request waits for "ok" to the one before: since 0.13, `setprstatus` with no key known
unregisters the paths. `setprkey` is refused unless multipath.conf says `reservation_key file`; then nothing more is
said, and the next command tries again. But a refused key is in multipathd's file of keys, and a request that was not
answered in time may have been carried out: so it is made to forget what it may know. `setprhold` is new in 0.13; older
ones refuse it, and need it not.
"""

from .steps import Memory, Steps, Tell, Told

_OK = "ok"
_LATE = ("", "timeout")
_IS_SET = ("set", "1")  # 0.9.4 says 0 or 1


def follow(memory: Memory, in_doubt: bool) -> Steps[Told]:
    """Tell multipathd what has changed since it was told last; what it knows then.

    in_doubt: whether it may have cleared its status: it has unregistered a path, or paths had another key for a moment,
        and one came back in it, so that it takes the map for fenced. The status is set again then.
    """
    told = memory.told
    if not memory.key:
        return (yield from _forget(told))
    if in_doubt and told.is_set and (yield Tell("getprstatus")) not in _IS_SET:
        told = Told()
    if not told.is_set or (memory.key, memory.aptpl) != (told.key, told.aptpl):
        key = f"key {memory.key:#x}" + (":aptpl" if memory.aptpl else "")
        for request in Tell("setprkey", key), Tell("setprstatus"):
            if (reply := (yield request)) != _OK:
                return Told(memory.key, is_late=reply.removeprefix("fail\n") in _LATE)
        told = Told(memory.key, memory.aptpl, told.holds, is_set=True)
    if memory.holds != told.holds and (yield Tell("setprhold" if memory.holds else "unsetprhold")) == _OK:
        told = told._replace(holds=memory.holds)
    return told


def _forget(told: Told) -> Steps[Told]:
    """The same backwards."""
    if told.key:
        yield Tell("unsetprhold")
        if (yield Tell("unsetprstatus")) != _OK or (yield Tell("unsetprkey")) != _OK:
            return Told(told.key)
    return Told()
