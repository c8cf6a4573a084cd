"""check: why persistent reservations do not work here, as far as can be seen without changing anything.

    causes.py      every cause that can be found, with its remedy; finding.py: one that was found
    command.py     the subcommand: what is looked at, in which order
    subjects.py    whom and what it is about: machines, sockets, disks, and users.py
    serving.py     whether a helper answers at a socket; listening.py: which process that is; helpers.py: at which one
                   does; stopped.py: why a process does nothing, by process_status.py; access.py, acl.py: whether a user
                   may connect and open; turning_away.py: whom the helper turns away
    denials.py     what AppArmor and SELinux have denied lately
    privileges.py  what the helper may do: its capability, its user namespace, its unit's sandbox (units.py)
    disk.py        what a disk is, and what it answers; on_maps.py, on_multipathd.py: multipath
    machine.py     how a virtual machine has its disks; qmp.py: what its QEMU says; neighbours.py: two on one disk
    report.py      findings for people and programs; recent.py: the log's last hour, without keys; journal.py

Each looks at one thing and yields a Finding for each cause that it sees there. What cannot be seen is not guessed at.
"""
