"""The emulated logical unit: persistent reservations for devices and files that have none.

The rules are pure: state, nexus and command in, new state and outcome out. They read like SPC-4.

    state.py        the state of a unit: registrations, the reservation, pending unit attentions
    rules.py        one command, from the pending unit attention to the service action
    parameters.py   the parameter list of PERSISTENT RESERVE OUT (6.16.3, 6.16.4), and refusals
    reading.py      PERSISTENT RESERVE IN (6.15)
    registering.py  REGISTER, REGISTER AND IGNORE EXISTING KEY, REGISTER AND MOVE (5.13.7, 5.13.8)
    reserving.py    RESERVE, RELEASE, CLEAR (5.13.9, 5.13.11.2)
    preempting.py   PREEMPT, PREEMPT AND ABORT (5.13.11.2.4 to 5.13.11.2.6)

Around them, unknown to them:

    devices.py      which descriptors are emulated units
    naming.py       the name of a unit, which changes when its disk or file is replaced
    asking.py       what the kernel and udev report about a file or a device
    boot.py         names that are valid for this boot only
    units.py        the units of this process, each executing one command at a time
    initiators.py   which initiator a client is
    storage.py      the state that survives a restart, in a database
"""
