"""The AppArmor profiles are parsed, and the SELinux module is linked with Debian's policy and asked what it allows.

Under the real AppArmor they are in tests/kernel/guest/systemd/test_confined.py. SELinux is enforced nowhere here.
"""

from __future__ import annotations

import bz2
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ..support.programs import missing, require_program

REPOSITORY = Path(__file__).parents[2]
APPARMOR = REPOSITORY / "packaging" / "apparmor"
SELINUX = REPOSITORY / "packaging" / "selinux"
MAKEFILE = Path("/usr/share/selinux/devel/Makefile")
POLICY = Path("/usr/share/selinux/default")
TO_CIL = "/usr/libexec/selinux/hll/pp"

MODULES = ("base", "lvm", "qemu", "unconfined", "virt")
"""Of Debian's 331: those that the rules of ours are about, and what they cannot do without."""
USER = "(user xdm) (userrole xdm system_r) (userlevel xdm (s0)) (userrange xdm ((s0) (s0)))\n"
"""Named by the first of them, and made by one that is left out."""

PASSED = "getattr ioctl read write"
"""What a process may do with a disk that another has opened."""


@pytest.mark.parametrize("wrapped", ["%s", "profile guest {\n%s}\n"], ids=["prhelper", "guests"])
def test_apparmors_parser_accepts(request: pytest.FixtureRequest, wrapped: str) -> None:
    parser = require_program("apparmor_parser", "apparmor")
    text = wrapped % (APPARMOR / request.node.callspec.id).read_text()
    if "abi" not in text:
        text = f"include <tunables/global>\n{text}"
    command = [parser, "--skip-kernel-load", "--skip-cache"]
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_units_name_the_profiles_and_the_domain_that_there_are() -> None:
    units = "".join(path.read_text() for path in (REPOSITORY / "packaging").glob("*.service"))
    profiles = re.findall(r"^profile (\S+)", (APPARMOR / "prhelper").read_text(), re.MULTILINE)
    assert sorted(re.findall(r"^AppArmorProfile=-(.*)$", units, re.MULTILINE)) == sorted(profiles)
    (domain,) = re.findall(r"^SELinuxContext=-system_u:system_r:(\w+):s0$", units, re.MULTILINE)
    assert f"type {domain}," in (SELINUX / "prhelper.te").read_text()


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Debian's policy with the module. Its assertions (neverallow) hold, or there is none."""
    compiler = require_program("secilc", "secilc")
    require_program("sesearch", "setools")
    for needed, package in ((MAKEFILE, "selinux-policy-dev"), (POLICY, "selinux-policy-default")):
        if not needed.exists():
            missing(f"needs {needed}: apt-get install --no-install-recommends {package}")
    folder = tmp_path_factory.mktemp("policy")
    for source in SELINUX.iterdir():
        shutil.copy(source, folder)
    run("make", "--silent", "-f", str(MAKEFILE), "prhelper.pp", folder=folder)
    (folder / "user.cil").write_text(USER)
    sources = ["user.cil"]
    for name in (*MODULES, "prhelper"):
        if name in MODULES:
            (folder / f"{name}.pp").write_bytes(bz2.decompress((POLICY / f"{name}.pp.bz2").read_bytes()))
        sources.append(f"{name}.cil")
        run(TO_CIL, f"{name}.pp", sources[-1], folder=folder)
    # Since Debian 13 two of its modules declare one role.
    options = ("--multiple-decls", "--mls", "true", "--output", "policy", "--filecontext", "contexts")
    run(compiler, *options, *sources, folder=folder)
    return folder


def run(*command: str, folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rules(policy: Path, *query: str) -> list[str]:
    """The rules that sesearch finds."""
    return run("sesearch", *query, "policy", folder=policy).splitlines()


def allowed(policy: Path, source: str, target: str, kind: str) -> set[str]:
    """What the first may do to an object of this class that is labelled as the second."""
    found = rules(policy, "--allow", "--source", source, "--target", target, "--class", kind)
    return {word for rule in found for word in re.sub(r".*:\w+ |[{};]|\[.*", "", rule).split()}


def domains_that(policy: Path, permission: str, target: str, kind: str) -> set[str]:
    """Who but domains without confinement may do something to objects of exactly this type."""
    query = ["--allow", "--target", target, "-dt", "--class", kind, "--perms", permission]
    return {rule.split()[1] for rule in rules(policy, *query)} - {"unconfined_domain_type"}


def test_guests_may_connect_to_the_daemon_and_not_to_the_worker(policy: Path) -> None:
    assert "connectto" in allowed(policy, "svirt_t", "prhelper_t", "unix_stream_socket")
    assert "write" in allowed(policy, "svirt_t", "prhelper_runtime_t", "sock_file")
    assert allowed(policy, "svirt_t", "prhelper_control_t", "sock_file") == set()
    assert domains_that(policy, "connectto", "prhelper_multipath_t", "unix_stream_socket") == {
        "prhelper_t",
        "prhelper_multipath_t",  # itself
    }
    assert "connectto" not in allowed(policy, "svirt_t", "prhelper_multipath_t", "unix_stream_socket")
    assert "write" in allowed(policy, "prhelper_t", "prhelper_multipath_runtime_t", "sock_file")


def test_systemd_starts_the_daemon_by_its_file_and_the_worker_by_its_unit(policy: Path) -> None:
    transition = rules(policy, "--type_trans", "--source", "init_t", "--target", "prhelper_exec_t")
    assert transition == ["type_transition init_t prhelper_exec_t:process prhelper_t;"]
    for domain in ("prhelper_t", "prhelper_multipath_t"):
        assert "transition" in allowed(policy, "init_t", domain, "process")
        assert "nnp_transition" in allowed(policy, "init_t", domain, "process2")
        assert "entrypoint" in allowed(policy, domain, "prhelper_exec_t", "file")


def test_libvirt_starts_it_in_its_own_domain(policy: Path) -> None:
    assert {"execute", "execute_no_trans"} <= allowed(policy, "virtd_t", "prhelper_exec_t", "file")


@pytest.mark.parametrize("disk", ["fixed_disk_device_t", "svirt_image_t"])
def test_daemon_may_use_disks_that_were_passed_and_open_none(policy: Path, disk: str) -> None:
    assert allowed(policy, "prhelper_t", disk, "blk_file") == set(PASSED.split())
    assert allowed(policy, "prhelper_multipath_t", disk, "blk_file") == {"open", *PASSED.split()}
    assert "use" in allowed(policy, "prhelper_t", "svirt_t", "fd")


def test_capabilities_are_those_of_the_units_and_of_a_start_as_root(policy: Path) -> None:
    as_root = {"chown", "dac_override", "setgid", "setpcap", "setuid"}
    assert allowed(policy, "prhelper_t", "prhelper_t", "capability") == {"sys_rawio", *as_root}
    assert allowed(policy, "prhelper_multipath_t", "prhelper_multipath_t", "capability") == {"sys_rawio"}


def test_secrets_and_memory_are_out_of_reach(policy: Path) -> None:
    for domain in ("prhelper_t", "prhelper_multipath_t"):
        assert allowed(policy, domain, "shadow_t", "file") == set()
        assert "read" not in allowed(policy, domain, "memory_device_t", "chr_file")
        assert "create" not in allowed(policy, domain, domain, "tcp_socket")


def test_files_have_their_labels(policy: Path) -> None:
    contexts = (policy / "contexts").read_text()
    found = dict(re.findall(r"^(/\S*prhelper\S*|/\S*qemu-pr-helper\S*)\s.*:object_r:(\w+):s0$", contexts, re.MULTILINE))
    assert found == {
        "/usr/bin/prhelper": "prhelper_exec_t",
        "/run/qemu-pr-helper[.]sock": "prhelper_runtime_t",
        r"/run/prhelper-multipath\.sock": "prhelper_multipath_runtime_t",
        "/run/prhelper(-multipath)?(/.*)?": "prhelper_control_t",
        "/var/lib/(private/)?prhelper(/.*)?": "prhelper_var_lib_t",
        "/var/lib/prhelper-multipath(/.*)?": "prhelper_multipath_var_lib_t",
    }
