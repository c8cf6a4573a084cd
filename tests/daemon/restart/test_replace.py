"""Another start takes the place of the one that runs: no client notices."""

from __future__ import annotations

import fcntl
import os
import signal
from pathlib import Path

import pytest

from ...support.helper import wait_until
from ...support.nexus import Holder, Nexus, over
from ...support.spc import GOOD, Out, keys, reserve_in, reserve_out
from ...support.varlink import Varlink
from .conftest import THOROUGH, Replaced

OUT = reserve_out(0) + keys(1, 2)


def commands(replaced: Replaced) -> list[int]:
    """How many commands each client has had, as the control socket says."""
    with Varlink(replaced.starts.control) as control:
        return [one["commands"] for one in control.call("GetClients")["clients"]]


def test_a_client_at_rest_goes_on_with_its_counts_and_the_old_one_ends_and_nothing_is_left(replaced: Replaced) -> None:
    replaced.starts.start()  # where nobody listens it is an ordinary start
    client, file = replaced.connect(), replaced.path.stat()
    replaced.check_served(client)
    for number in range(2):
        replaced.starts.start()
        assert replaced.starts.has_ended(number) == 0
        replaced.check_served(client)
        replaced.check_served(replaced.connect())
    assert commands(replaced) == [3, 1, 1]
    assert os.path.samestat(file, replaced.path.stat())
    replaced.starts.stop()
    for path in (replaced.path, replaced.starts.pidfile, replaced.starts.control):
        assert not path.exists()


def test_the_pidfile_stays_locked_and_names_the_one_that_serves(replaced: Replaced) -> None:
    replaced.starts.start()
    with replaced.starts.pidfile.open("r+b") as file:
        replaced.starts.start()
        assert replaced.starts.has_ended(0) == 0
        assert int(file.read()) == replaced.starts.process.pid
        with pytest.raises(BlockingIOError):
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        replaced.starts.stop()
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_in_the_background_the_command_returns_when_the_new_one_serves(replaced: Replaced) -> None:
    pids = []
    client = None
    for _ in range(2):
        replaced.starts.launch("--daemon", "--log", "syslog")
        assert replaced.starts.has_ended(-1) == 0
        pids.append(int(replaced.starts.pidfile.read_text()))
        client = client or replaced.connect()
        replaced.check_served(client)
    old = [Path(f"/proc/{pid}") for pid in pids[:-1]]
    wait_until(lambda: not any(folder.exists() for folder in old), what="the old ones to end")
    os.kill(pids[-1], signal.SIGTERM)
    assert client is not None
    assert client.hung_up()
    wait_until(lambda: not replaced.starts.pidfile.exists(), what="the pidfile to be removed")


def test_requests_that_were_begun_are_finished_with_the_new_one(replaced: Replaced) -> None:
    replaced.starts.start()
    cuts = (1, 15, 16, 17, len(OUT) - 1)
    clients, silent = [replaced.connect() for _ in cuts], replaced.connect(negotiate=False)
    assert silent.receive(4) == bytes(4)
    silent.send(bytes(2))
    for client, cut in zip(clients, cuts, strict=True):
        client.send(OUT[:cut], [replaced.healthy])
    replaced.check_served(replaced.connect())  # it came later, so the half requests have been read
    replaced.starts.start()
    for client, cut in zip(clients, cuts, strict=True):
        client.send(OUT[cut:])
        assert client.reply().status == GOOD
        assert replaced.device.last.parameter_list == OUT[16:]
    silent.send(bytes(2))
    for each in (*clients, silent):
        replaced.check_served(each)


def test_commands_that_are_stuck_are_answered_by_whom_they_were_sent_to_and_hold_up_nobody(replaced: Replaced) -> None:
    replaced.starts.start()
    replaced.device.hold()
    stuck, others = [], [replaced.connect()]
    for number in range(2):  # one in each process
        stuck.append(replaced.connect())
        stuck[-1].send(reserve_in(0), [replaced.hanging])
        replaced.wait_for_hanging(number + 1)
        replaced.starts.start()
        others.append(replaced.connect())
        for client in others:
            replaced.check_served(client)
    with Varlink(replaced.starts.control) as control:
        assert control.call("GetStatus")["pid"] == replaced.starts.process.pid
    replaced.device.release()
    for number, client in enumerate(stuck):
        assert client.reply().status == GOOD
        replaced.check_served(client)
        assert replaced.starts.has_ended(number) == 0
    assert len(commands(replaced)) == len(stuck) + len(others)
    replaced.starts.stop()


def test_a_number_is_not_given_out_again_while_its_client_is_still_to_follow(replaced: Replaced) -> None:
    replaced.starts.start()
    replaced.check_served(replaced.connect())
    replaced.clients[0].close()
    stuck = replaced.connect()
    replaced.device.hold()
    stuck.send(reserve_in(0), [replaced.hanging])
    replaced.wait_for_hanging(1)
    replaced.starts.start()
    replaced.check_served(replaced.connect())
    replaced.device.release()
    assert stuck.reply().status == GOOD
    replaced.check_served(stuck)
    with Varlink(replaced.starts.control) as control:
        assert [one["number"] for one in control.call("GetClients")["clients"]] == [3, 2]
        assert control.call("GetStatus")["commands"] == 4


def test_the_one_that_waits_for_a_stuck_command_is_stopped_like_any_other(replaced: Replaced) -> None:
    replaced.starts.start("--stop-timeout", "0.2")
    client = replaced.connect()
    replaced.device.hold()
    client.send(reserve_in(0), [replaced.hanging])
    replaced.wait_for_hanging(1)
    replaced.starts.start()
    replaced.starts.processes[0].terminate()
    assert replaced.starts.has_ended(0) == 0
    assert client.hung_up()
    replaced.check_served(replaced.connect())
    assert "abandoned" in replaced.starts.output(0)


@pytest.mark.parametrize("rule", ["process", "connection"] if THOROUGH else ["connection"])
def test_emulated_units_go_on_as_they_are_and_keep_their_directory(
    replaced: Replaced, tmp_path: Path, rule: str
) -> None:
    options = ("--emulate=all", f"--emulate-nexus={rule}", "--state-directory", str(tmp_path / "state"))
    (tmp_path / "disk").write_bytes(bytes(4096))
    replaced.starts.start(*options)
    with (tmp_path / "disk").open("r+b") as disk:
        node = Nexus(over(replaced.connect(), disk.fileno()))
        assert node.write(Out.REGISTER_AND_IGNORE_EXISTING_KEY, new=0xA).status == GOOD
        assert node.write(Out.RESERVE, key=0xA, kind=5).status == GOOD
        before = node.read(0).payload
        replaced.starts.start(*options)
        assert node.read(0).payload == before  # PRGENERATION and keys
        assert node.reservation() == Holder(0xA, 5)
        assert node.write(Out.RELEASE, key=0xA, kind=5).status == GOOD  # it is still the same initiator
    replaced.starts.launch(*options, "-k", str(tmp_path / "other"), "-f", str(tmp_path / "other.pid"), "--control",
                           str(tmp_path / "other.control"))  # fmt: skip
    assert replaced.starts.has_ended(-1) == 1
    assert "another prhelper keeps its state there" in replaced.starts.output()


def test_things_that_the_new_one_has_at_other_places_are_removed_by_the_old_one(
    replaced: Replaced, tmp_path: Path
) -> None:
    replaced.starts.start()
    client = replaced.connect()
    replaced.starts.start("-f", str(tmp_path / "new.pid"), "--control", str(tmp_path / "new.control"))
    assert replaced.starts.has_ended(0) == 0
    replaced.check_served(client)
    assert not replaced.starts.pidfile.exists()
    assert not replaced.starts.control.exists()
    assert int((tmp_path / "new.pid").read_text()) == replaced.starts.process.pid
    with Varlink(tmp_path / "new.control") as control:
        assert control.call("GetStatus")["pid"] == replaced.starts.process.pid


def test_places_may_be_named_otherwise(replaced: Replaced, tmp_path: Path) -> None:
    replaced.starts.start()
    client, file = replaced.connect(), replaced.starts.control.stat()
    (tmp_path / "link").symlink_to(tmp_path)
    names = [
        tmp_path / "link" / each.name for each in (replaced.path, replaced.starts.pidfile, replaced.starts.control)
    ]
    replaced.starts.start("-k", str(names[0]), "-f", str(names[1]), "--control", str(names[2]))
    assert replaced.starts.has_ended(0) == 0
    replaced.check_served(client)
    assert os.path.samestat(file, replaced.starts.control.stat())
    assert int(replaced.starts.pidfile.read_text()) == replaced.starts.process.pid


@pytest.mark.skipif(not THOROUGH, reason="takes seconds: set PRHELPER_THOROUGH")
def test_as_many_clients_as_one_account_may_have_go_on(replaced: Replaced) -> None:
    options = ("--max-clients-per-process", "1024")
    replaced.starts.start(*options)
    clients = [replaced.connect() for _ in range(1024)]
    replaced.starts.start(*options)
    for client in clients:
        replaced.check_served(client)
    assert "with 1024 connections" in replaced.starts.output()


def test_nothing_is_left_of_many_replacements(replaced: Replaced) -> None:
    replaced.starts.start()
    clients = [replaced.connect() for _ in range(20)]
    replaced.starts.start()
    assert replaced.served(clients) == clients
    before = replaced.starts.descriptors()
    for number in range(1, 3):
        replaced.starts.start()
        assert replaced.starts.has_ended(number) == 0
        assert replaced.served(clients) == clients
        wait_until(lambda: replaced.starts.descriptors() == before, what=f"no more descriptors than {before}")
