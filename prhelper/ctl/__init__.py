"""prhelperctl: what an administrator asks of a running prhelper, of a disk, and of a host where reservations fail.

    cli.py            the command line, and what becomes of errors; exits.py: the exit statuses
    reading.py        read-keys, read-reservation, capabilities, full-status
    changing.py       register, reserve, release...; guarding.py: why one of them is refused
    show.py           a disk with its keys; owners.py: whose they are
    disks.py          a disk as this host sees it
    hosts_machines.py the virtual machines of this host; qemu.py: what a QEMU's command line says
    control.py        calls to the daemon's control socket: status.py, clients.py, seen_disks.py, watch.py,
                      log_level.py, trace.py; wording.py: its answers in words
    check/            why reservations do not work here
    output.py         tables for people, JSON for programs

It changes nothing but what it is told to change. A disk sees its commands as those of this host: it is the same
initiator as the virtual machines that run here.
"""
