"""Denials in the kernel's audit, as AppArmor and SELinux write them."""

from pathlib import Path

import pytest

from prhelper.ctl.check.denials import look

NOW = 1_790_000_000.0
SOCKET = "/run/qemu-pr-helper.sock"

APPARMOR_CONNECT = (
    'audit: type=1400 audit(1789999990.123:99): apparmor="DENIED" operation="connect" class="file" '
    'profile="libvirt-5ce4e0fc-8a2b-4b0c-9c0e-1d2f3a4b5c6d" name="/run/qemu-pr-helper.sock" pid=2345 '
    'comm="qemu-system-x86" requested_mask="wr" denied_mask="wr" fsuid=64055 ouid=0'
)
APPARMOR_EXEC = (
    'type=AVC msg=audit(1789999991.002:100): apparmor="DENIED" operation="exec" class="file" profile="libvirtd" '
    'name="/opt/prhelper/bin/prhelper" pid=99 comm="rpc-libvirtd" requested_mask="x" denied_mask="x" fsuid=0 ouid=0'
)
APPARMOR_WITHOUT_THE_PROFILE = (
    'audit: type=1400 audit(1789999990.7:5): apparmor="DENIED" operation="change_onexec" class="file" '
    'info="label not found" error=-2 profile="unconfined" name="prhelper" pid=226 comm="(python)"'
)
SELINUX = (
    'type=AVC msg=audit(1789999992.500:456): avc:  denied  { connectto } for  pid=1234 comm="qemu-kvm" '
    'path="/run/qemu-pr-helper.sock" scontext=system_u:system_r:svirt_t:s0:c1,c2 '
    "tcontext=system_u:system_r:unconfined_service_t:s0 tclass=unix_stream_socket permissive=0"
)
SELINUX_WRITE = (
    'audit: type=1400 audit(1789999993.1:9): avc:  denied  { write } for  pid=1234 comm="qemu-kvm" '
    'name="qemu-pr-helper.sock" dev="tmpfs" ino=1234 scontext=system_u:system_r:svirt_t:s0:c1,c2 '
    "tcontext=system_u:object_r:var_run_t:s0 tclass=sock_file permissive=0"
)


@pytest.mark.parametrize(
    ("line", "code", "seen", "remedy"),
    [
        (
            APPARMOR_CONNECT,
            "denied-by-apparmor",
            "connect of /run/qemu-pr-helper.sock by qemu-system-x86",
            f"`{SOCKET} rw,`",
        ),
        (APPARMOR_EXEC, "denied-by-apparmor", "profile libvirtd: exec of /opt/prhelper/bin/prhelper", "/usr/bin only"),
        (
            SELINUX,
            "denied-by-selinux",
            "svirt_t:s0:c1,c2 may not connectto unix_stream_socket of system_u",
            "audit2allow",
        ),
        (SELINUX_WRITE, "denied-by-selinux", "may not write sock_file", "audit2allow"),
    ],
)
def test_denial_is_found_with_who_what_and_the_remedy(line: str, code: str, seen: str, remedy: str) -> None:
    (finding,) = look([line], [SOCKET], NOW)
    assert finding.cause.code == code
    assert seen in finding.seen
    assert remedy in finding.remedy


@pytest.mark.parametrize(
    "line",
    [
        APPARMOR_CONNECT.replace("DENIED", "ALLOWED"),
        APPARMOR_WITHOUT_THE_PROFILE,
        APPARMOR_CONNECT.replace("/run/qemu-pr-helper.sock", "/run/other.sock"),
        APPARMOR_CONNECT.replace("1789999990", "1789990000"),
        SELINUX.replace("permissive=0", "permissive=1"),
        SELINUX.replace("denied ", "granted "),
        SELINUX.replace("qemu-pr-helper", "other"),
        "usb 1-1: new high-speed USB device number 2 using prhelper",
        "",
    ],
)
def test_what_is_no_denial_of_ours_or_long_ago_is_not_found(line: str) -> None:
    assert list(look([line], [SOCKET], NOW)) == []


def test_denial_that_is_repeated_is_found_once_and_another_beside_it() -> None:
    lines = [APPARMOR_CONNECT, APPARMOR_CONNECT.replace("990.123", "995.321"), SELINUX]
    assert [each.cause.code for each in look(lines, [SOCKET], NOW)] == ["denied-by-apparmor", "denied-by-selinux"]


def test_socket_of_a_machine_is_known_by_its_own_path(tmp_path: Path) -> None:
    path = tmp_path / "pr.sock"
    line = APPARMOR_CONNECT.replace(SOCKET, str(path))
    assert list(look([line], [SOCKET], NOW)) == []
    (finding,) = look([line], [str(path)], NOW)
    assert finding.about == str(path)


def test_name_in_hexadecimal_digits_as_the_audit_writes_one_with_a_space() -> None:
    path = "/run/a b.sock"
    line = APPARMOR_CONNECT.replace(f'"{SOCKET}"', path.encode().hex().upper())
    (finding,) = look([line], [path], NOW)
    assert finding.about == path
    assert f'`"{path}" rw,`' in finding.remedy


@pytest.mark.parametrize("name", ["/tmp/s", "/tmp/s/", "/run/qemu"])
def test_short_name_of_a_socket_is_not_looked_for_within_other_names(name: str) -> None:
    assert list(look([APPARMOR_CONNECT.replace(SOCKET, "/etc/passwds")], [name], NOW)) == []


@pytest.mark.parametrize("operation", ["connect", "exec"])
def test_profile_that_is_not_libvirts_is_not_said_to_be(operation: str) -> None:
    line = APPARMOR_CONNECT.replace("libvirt-5ce4e0fc", "docker-default").replace('"connect"', f'"{operation}"')
    (finding,) = look([line], [SOCKET], NOW)
    assert "docker-default" in finding.seen
    assert finding.remedy == finding.cause.remedy
