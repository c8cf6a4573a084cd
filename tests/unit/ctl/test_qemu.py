"""QEMU's command line, in the ways that people and libvirt write it."""

import pytest

from prhelper.ctl.qemu import CommandLine, GuestDisk, is_qemu, options_in, parse

OBJECT = ("-object", "pr-manager-helper,id=pr0,path=/run/pr.sock")

WRITTEN = {
    "a blockdev with all in one": (
        "-blockdev",
        "node-name=hd,driver=raw,file.driver=host_device,file.filename=/dev/sdx,file.pr-manager=pr0",
        "-device",
        "scsi-block,drive=hd",
    ),
    "two blockdevs, which name each other": (
        "-blockdev",
        "driver=host_device,filename=/dev/sdx,node-name=prot,pr-manager=pr0",
        "-blockdev",
        "driver=raw,file=prot,node-name=hd",
        "-device",
        "scsi-block,drive=hd",
    ),
    "JSON, as libvirt writes it": (
        "-blockdev",
        '{"driver":"host_device","filename":"/dev/sdx","node-name":"prot","pr-manager":"pr0","cache":{"direct":true}}',
        "-blockdev",
        '{"node-name":"hd","driver":"raw","file":"prot"}',
        "-device",
        '{"driver":"scsi-block","bus":"scsi0.0","drive":"hd"}',
    ),
    "a drive": (
        "-drive",
        "file=/dev/sdx,if=none,id=hd,format=raw,file.pr-manager=pr0",
        "-device",
        "scsi-block,drive=hd",
    ),
    "a drive whose file is written as JSON": (
        "-drive",
        'if=none,id=hd,file=json:{"driver":"raw",,"file":{"driver":"host_device",,"filename":"/dev/sdx",,'
        '"pr-manager":"pr0"}}',
        "-device",
        "scsi-block,drive=hd",
    ),
    "a filter in between": (
        "-blockdev",
        "node-name=hd,driver=raw,file.driver=throttle,file.file.driver=host_device,file.file.filename=/dev/sdx,"
        "file.file.pr-manager=pr0",
        "-device",
        "scsi-block,drive=hd",
    ),
    "a device with an option that has no value": (
        "-drive",
        "file=/dev/sdx,if=none,id=hd,file.pr-manager=pr0,readonly",
        "-device",
        "scsi-block,drive=hd,share-rw",
    ),
    "a drive that is a node": (
        "-drive",
        "file=/dev/sdx,if=none,node-name=hd,file.pr-manager=pr0",
        "-device",
        "scsi-block,drive=hd",
    ),
    "a drive with its options apart": (
        "-drive",
        "file.driver=host_device,file.filename=/dev/sdx,file.pr-manager=pr0,if=none,id=hd,format=raw",
        "-device",
        "scsi-block,drive=hd",
    ),
}


@pytest.mark.parametrize("written", WRITTEN.values(), ids=list(WRITTEN))
def test_disk_is_found_however_it_is_written(written: tuple[str, ...]) -> None:
    expected = CommandLine({"pr0": "/run/pr.sock"}, (GuestDisk("scsi-block", "hd", "/dev/sdx", "pr0"),), ())
    assert parse(["qemu-system-x86_64", *OBJECT, *written]) == expected


def test_only_objects_of_that_type_are_managers() -> None:
    others = ("-object", "secret,id=pr1,path=/x", "-device", "scsi-block,qom-type=pr-manager-helper,id=pr2,path=/x")
    assert parse(["qemu-kvm", *others, *OBJECT, "object", "pr-manager-helper,id=pr3,path=/x"]).managers == {
        "pr0": "/run/pr.sock"
    }


def test_name_of_a_file_may_come_after_its_options() -> None:
    found = options_in("file.pr-manager=pr0,file=/dev/sdx", "file")
    assert found == {"file": {"pr-manager": "pr0", "filename": "/dev/sdx"}}


def test_drive_with_an_interface_is_a_device_itself() -> None:
    (disk,) = parse(["qemu-kvm", "-drive", "file=/dev/sdx,if=virtio,rerror=stop,format=raw"]).disks
    assert disk == GuestDisk("virtio-blk", "", "/dev/sdx", None, "stop", "")


def test_plain_disk_is_one_of_the_oldest_kind() -> None:
    assert parse(["kvm", "-hdb", "/dev/sdx"]).disks == (GuestDisk("ide-hd", "", "/dev/sdx"),)


def test_manager_at_what_can_be_no_path_is_left_out() -> None:
    for no_text in (r"\ud800", r"\u0000"):
        option = f'{{"qom-type":"pr-manager-helper","id":"pr0","path":"/run/{no_text}"}}'
        assert parse(["kvm", "-object", option]).managers == {}


def test_what_is_done_about_errors_is_told_by_device_or_drive() -> None:
    line = [
        *("-drive", "file=/a,if=none,id=a,werror=stop", "-device", "scsi-hd,drive=a"),
        *("-blockdev", "driver=file,filename=/b,node-name=b"),
        *("-device", "scsi-hd,drive=b,rerror=report,werror=report,id=disk-b"),
    ]
    assert parse(line).disks == (
        GuestDisk("scsi-hd", "a", "/a", None, "", "stop"),
        GuestDisk("scsi-hd", "disk-b", "/b", None, "report", "report"),
    )


def test_comma_in_a_name_is_doubled() -> None:
    (disk,) = parse(["-drive", "file=/a,,b,if=none,id=a", "-device", "scsi-hd,drive=a"]).disks
    assert disk.file == "/a,b"


def test_monitors_are_those_that_listen_at_a_path_and_speak_qmp() -> None:
    line = [
        *("-qmp", "unix:/run/q,server=on,wait=off"),
        *("-chardev", "socket,id=m,path=/run/m,server=on", "-mon", "chardev=m,mode=control"),
        *("-chardev", "socket,id=h,path=/run/h,server=on", "-mon", "chardev=h,mode=readline"),
        *("-chardev", "socket,id=f,fd=5", "-mon", "chardev=f,mode=control"),
        *("-qmp", "tcp:localhost:4444"),
        *("-object", "pr-manager-helper,id=m,path=/run/pr.sock"),  # of the same name
    ]
    assert parse(line).monitors == ("/run/q", "/run/m")


DEEP_DEVICE = '{"driver":' + '{"a":' * 900 + "1" + "}" * 900 + ',"drive":"hd"}'


@pytest.mark.parametrize(
    "line",
    [
        ("-device", "scsi-block,drive=none"),
        ("-blockdev", "{broken", "-device", "scsi-block,drive=a"),
        ("-blockdev", "[]"),
        ("-drive", "file=/a,if=none,id=a", "-device", "scsi-hd"),
        ("-drive", "file=/a,if=none,node-name=None", "-device", "scsi-hd"),
        ("-blockdev", "driver=raw,file=a,node-name=a", "-device", "scsi-hd,drive=a"),
        ("-drive",),
        ("-blockdev", '{"a":' * 100_000),
        ("-drive", f"if=none,id=hd,file=/a,{'a.' * 100_000}a=b", "-device", "scsi-block,drive=hd"),
        (
            "-drive",
            "if=none,id=hd,file=/a",
            "-device",
            '{"driver":' + '{"a":' * 900 + "1" + "}" * 900 + ',"drive":"hd"}',
        ),
        ("-drive", r'if=none,id=hd,file=json:{"filename":"\ud800"}', "-device", "scsi-block,drive=hd"),
        ("-drive", "if=none,id=hd,file=json:{broken", "-device", "scsi-block,drive=hd"),
        *(
            (
                "-blockdev",
                f'{{"driver":"raw","node-name":"hd","filename":"/a{no_text}"}}',
                "-device",
                "scsi-hd,drive=hd",
            )
            for no_text in (r"\ud800", r"\u0000")
        ),
        (
            "-blockdev",
            r'{"driver":"raw","node-name":"hd","filename":"/a","more":["\u0000"]}',
            "-device",
            "scsi-hd,drive=hd",
        ),
    ],
)
def test_what_cannot_be_made_out_is_left_out(line: tuple[str, ...]) -> None:
    assert parse(["qemu-system-x86_64", *line]).disks == ()


def test_programs_that_run_machines_are_told_from_others() -> None:
    assert is_qemu(["/usr/bin/qemu-system-x86_64", "-S"])
    assert is_qemu(["/usr/libexec/qemu-kvm"])
    assert not any(map(is_qemu, ([], ["qemu-img", "info"], ["/usr/bin/qemu-pr-helper"])))


CONFIGURATION = """
# qemu config file
[name]
  guest = "sql1"
[object "pr0"]
  qom-type = "pr-manager-helper"
  path = "/run/pr.sock"
[drive "hd"]
  if = "none"
  file.driver = "host_device"
  file.filename = "/dev/sdx"
  file.pr-manager = "pr0"
[device "disk0"]
  driver = "scsi-block"
  drive = "hd"
"""


def test_configuration_file_is_read_like_the_command_line() -> None:
    files = {"/etc/vm.cfg": CONFIGURATION}
    found = parse(["qemu-kvm", "-readconfig", "/etc/vm.cfg", "-S"], files.__getitem__)
    assert found == CommandLine({"pr0": "/run/pr.sock"}, (GuestDisk("scsi-block", "disk0", "/dev/sdx", "pr0"),), ())


UNNAMED = '[drive]\nif = "none"\nfile = "/a"\n[device]\ndriver = "scsi-hd"\n'


@pytest.mark.parametrize(
    "text", [UNNAMED, "", "[device", 'key = "before any section"', '[device "a"]\nno value\n[drive]\n\0']
)
def test_what_is_no_configuration_says_nothing(text: str) -> None:
    assert parse(["qemu-kvm", "-readconfig", "x"], lambda _: text).disks == ()
