"""Every cause that `check` can find: what it means, and what to do. In the order of the way of a command."""

import functools

from .finding import Cause, Severity

_causes: list[Cause] = []


def _cause(severity: Severity, code: str, means: str, remedy: str) -> Cause:
    cause = Cause(code, severity, means, remedy)
    _causes.append(cause)
    return cause


_error = functools.partial(_cause, Severity.ERROR)
_warning = functools.partial(_cause, Severity.WARNING)

HELPER_MISSING = _error(
    "helper-missing",
    "No helper is running.",
    "systemctl enable --now prhelper.socket, or start prhelper -k with that path.",
)
SOCKET_UNSERVED = _error(
    "socket-unserved",
    "Nobody serves the socket: the helper that made it has ended.",
    "Start the helper again; it takes the place of what is left. See its log for why it ended.",
)
SOCKET_GONE = _error(
    "socket-gone",
    "A helper runs and listens there, but the file of its socket cannot be seen.",
    "Start it again, and have whatever cleans that directory leave the file (tmpfiles.d).",
)
PATH_TOO_LONG = _error(
    "path-too-long",
    "The path is longer than a socket's may be.",
    "Have the helper listen at a path of at most 107 bytes, and give that to the pr-manager.",
)
NOT_A_SOCKET = _error(
    "not-a-socket", "Another file lies where the socket should be.", "Remove it, and start the helper."
)
HELPER_SILENT = _error(
    "helper-silent",
    "The socket takes connections, but no helper answers.",
    "See why it does not start or hangs: systemctl status prhelper.service, journalctl -u prhelper.service.",
)
CONTROL_SILENT = _warning(
    "control-silent",
    "The daemon's control socket does not answer as it should: prhelperctl can say nothing of the daemon, and check "
    "less.",
    "See which process listens there (ss -xlp), and its log. If it is prhelper, start it again.",
)
SOCKET_CLOSED_TO_USER = _error(
    "socket-closed-to-user",
    "The user may not connect to the helper.",
    "Let the user in by the socket's group: SocketGroup= (systemctl edit prhelper.socket); if the helper was started "
    "otherwise, --socket-mode 660 and chgrp of the socket.",
)
USER_TURNED_AWAY = _error(
    "user-turned-away",
    "The helper turns the user's connections away: it has as many as it may.",
    "End what holds connections without need, or raise --max-clients: half of it, at most, is one user's. The helper's "
    "log says which limit is reached.",
)
CLIENTS_TURNED_AWAY = _warning(
    "clients-turned-away",
    "The helper has turned clients away lately.",
    "See whose connections there are: prhelperctl clients, or ss -xp. End what holds them without need, or raise the "
    "limit that the line names.",
)
SEVERAL_HELPERS = _error(
    "several-helpers",
    "Several helpers listen at one path. The file leads to one; machines that connected before may have another.",
    "End the others (kill -TERM): a machine connects again with its next command. Start one in place of another with "
    "--replace.",
)
DENIED_BY_APPARMOR = _error(
    "denied-by-apparmor",
    "AppArmor has denied it.",
    "Allow it in the profile that is named, and load that again (apparmor_parser -r).",
)
DENIED_BY_SELINUX = _error(
    "denied-by-selinux",
    "SELinux has denied it.",
    "Install prhelper's policy module (docs/security-modules.md), or allow it by one of those lines (audit2allow).",
)
NO_CAPABILITY = _error(
    "no-capability",
    "The helper may not send SCSI commands: it has no CAP_SYS_RAWIO.",
    "Start it as root, or give its unit AmbientCapabilities=CAP_SYS_RAWIO.",
)
USER_NAMESPACE = _error(
    "user-namespace",
    "The helper's capabilities do not count: it is in the user namespace of a container.",
    "Run it in the host's user namespace (a privileged container without user namespaces, or on the host).",
)
UNIT_SANDBOX = _error(
    "unit-sandbox",
    "The sandbox of the helper's unit takes the right to send SCSI commands away.",
    "Remove these lines from its drop-ins (systemctl cat shows them), and restart it.",
)
EMULATED = _warning(
    "emulated",
    "Reservations are emulated, and fence no data: the disks know nothing of them.",
    "Start prhelper without --emulate.",
)
DISK_MISSING = _error("disk-missing", "There is no such disk.", "Name the disk by its path, such as /dev/sdc.")
SYSFS_HIDDEN = _error(
    "sysfs-hidden",
    "Nothing can be told of disks here, nor of maps by a helper that runs here.",
    "Mount /sys, or let the container have it.",
)
NOT_A_DISK = _error(
    "not-a-disk", "It is no disk, and has no reservations.", "Give the machine a SCSI disk of the host."
)
DISK_CLOSED_TO_USER = _error(
    "disk-closed-to-user",
    "The user may not open the disk for writing, as reservations need.",
    "Let the user in: by the group of the device (a udev rule), or let libvirt do it.",
)
READ_ONLY = _error(
    "read-only",
    "The disk is read-only, and PERSISTENT RESERVE OUT needs it open for writing.",
    "Make it writable where it was made read-only: at the storage, or losetup without -r. blockdev --setrw helps only "
    "where blockdev --setro was used.",
)
NOT_SCSI = _error(
    "not-scsi",
    "It is not a SCSI disk, so that it takes no SCSI reservations.",
    "Give the machine a SCSI disk (Fibre Channel, iSCSI, SAS).",
)
ON_CRYPT = _error(
    "on-crypt", "Encryption passes no SCSI commands on.", "Encrypt inside the machine, and give it the disk below."
)
ON_SEVERAL_DISKS = _error(
    "on-several-disks",
    "It lies on several disks, and a reservation of one is not one of the others.",
    "Give the machine a whole disk.",
)
PART_OF_DISK = _warning(
    "part-of-disk",
    "It is only a part of a disk, and a reservation is of the whole disk.",
    "Give the machine the whole disk, if anything else lies on it that others use.",
)
NO_RESERVATIONS = _error(
    "no-reservations",
    "The disk knows no persistent reservations.",
    "Turn them on at the storage, or use a disk that has them.",
)
COMMANDS_FAIL = _error(
    "commands-fail",
    "The helper cannot send commands to the disk.",
    "See the helper's log for the errno: EPERM is a lack of privilege, others are the disk's driver.",
)
DISK_FAILS = _error("disk-fails", "The disk answers with an error.", "See the storage, and the kernel's log.")
DISK_HANGS = _error("disk-hangs", "The disk does not answer.", "See the storage, and the kernel's log.")
MAPS_REFUSED = _error(
    "maps-refused",
    "The helper does not act on multipath maps.",
    "systemctl enable --now prhelper-multipath.socket, or start prhelper as root without -u.",
)
NO_USABLE_PATH = _error(
    "no-usable-path", "No path of the map can be used.", "See multipath -ll, and the storage network."
)
PATH_NOT_REGISTERED = _error(
    "path-not-registered",
    "Not every path of the map is registered: what is sent by the others meets a conflict.",
    "See the helper's log for the path. The helper registers it again with the next command, if it can use it.",
)
MULTIPATHD_UNREACHABLE = _warning(
    "multipathd-unreachable",
    "multipathd cannot be asked, so that it does not register paths that come back.",
    "systemctl enable --now multipathd.",
)
RESERVATION_KEY = _warning(
    "reservation-key",
    "multipathd does not keep the machines' keys, so that it does not register paths that come back.",
    "Set `reservation_key file` in /etc/multipath.conf, and run multipathd reconfigure.",
)
WRONG_GUEST_DEVICE = _error(
    "wrong-guest-device",
    "The machine's disk is not scsi-block, so that reservations of its guest reach no disk.",
    "Use -device scsi-block; in libvirt <disk type='block' device='lun'> on a virtio-scsi controller.",
)
NO_PR_MANAGER = _error(
    "no-pr-manager",
    "QEMU sends the guest's reservations itself, without a helper, and has no right to.",
    "Give the disk a pr-manager; in libvirt <reservations managed='yes'/> in its <source>.",
)
NO_SUCH_PR_MANAGER = _error(
    "no-such-pr-manager", "The disk names a pr-manager that is not there.", "Add the object, or correct the name."
)
PR_MANAGER_DISCONNECTED = _error(
    "pr-manager-disconnected",
    "QEMU has no connection to its helper.",
    "QEMU connects again with the next command of the guest: see whether the helper at that path runs.",
)
SHARED_PR_MANAGER = _warning(
    "shared-pr-manager",
    "Disks share a pr-manager, which sends one command at a time: one that hangs holds up the others.",
    "Give each disk a pr-manager of its own.",
)
STOPS_ON_ERROR = _warning(
    "stops-on-error",
    "QEMU stops the machine when the disk fails, with older versions also on a reservation conflict.",
    "Set rerror=report,werror=report; in libvirt error_policy='report'.",
)
ONE_NEXUS = _warning(
    "one-nexus",
    "Machines of this host share a disk. To the disk they are one initiator, and cannot fence each other.",
    "Run the nodes of a cluster on different hosts.",
)
ONE_HOST = _warning(
    "one-host",
    "Machines of this host have one disk by different paths: they can fence each other, but end with one host.",
    "Run the nodes of a cluster on different hosts.",
)

CAUSES = tuple(_causes)
"""All, in the order in which those of one severity are listed."""
