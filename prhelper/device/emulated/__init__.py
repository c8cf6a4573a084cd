"""The emulated logical unit: persistent reservations where there is no SCSI device that has them.

The rules are pure: state, nexus and command in, a new state and the outcome out. They read like SPC-4.

    state.py        what the unit remembers: registrations, the reservation, pending unit attentions
    rules.py        one command, from the unit attention that goes first to the service action
    parameters.py   the parameter list of PERSISTENT RESERVE OUT (6.16.3, 6.16.4), and refusals
    reading.py      PERSISTENT RESERVE IN (6.15)
    registering.py  REGISTER, REGISTER AND IGNORE EXISTING KEY, REGISTER AND MOVE (5.13.7, 5.13.8)
    reserving.py    RESERVE, RELEASE, CLEAR (5.13.9, 5.13.11.2)
    preempting.py   PREEMPT, PREEMPT AND ABORT (5.13.11.2.4 to 5.13.11.2.6)
    allowed.py      which commands conflict with a reservation (5.13.1; SBC-4, 4.17)

Around them is what they know nothing of:

    devices.py      which descriptors are emulated units
    naming.py       what names a unit, so that whatever comes in its place has another name
    asking.py       what the kernel and udev tell of a file or a device
    boot.py         which boot this is
    units.py        the units of this process, and one command at a time for each
    initiators.py   which initiator a client is
    storage.py      what outlives a restart, in a database
"""
