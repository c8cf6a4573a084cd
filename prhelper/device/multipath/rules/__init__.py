"""Persistent reservations on a multipath map: the rules, without I/O.

A reservation belongs to an I_T nexus, and a map has one on each path. These rules make its paths look like one nexus:
the guest's command becomes a sequence of commands on paths, whose answers decide what comes next.

    driving.py      has the steps of a sequence done
    steps.py        what a sequence says, and what is remembered between two
    perform.py      a guest's command; what there is to do without one
    sequence.py     one sequence: what the unit says meanwhile, and whether the host was fenced
    sending.py      sending: paths that go away, unit attentions
    tally.py        whether others came in between
    answers.py      what an answer means
    commands.py     commands of our own, and parameter data
    registering.py  REGISTER, REGISTER AND IGNORE EXISTING KEY
    reserving.py    RESERVE, RELEASE, CLEAR, REGISTER AND MOVE
    preempting.py   PREEMPT, PREEMPT AND ABORT
    taking_over.py  a reservation whose holder is away, or is another host with our key
    checking.py     whether registrations are gone that others have removed
    settling.py     a path that comes back, or is new
    repairing.py    a sequence that was cut off
    recalling.py    what a new process finds
    telling.py      what multipathd is told

Fencing always wins
-------------------

Another host fences us by PREEMPT of our key, K. Many read first (READ KEYS), take an absent key for a host that is
fenced already, and look again afterwards. So K is among the keys wherever a path of ours that is here can write. A path
is changed only by a REGISTER that names the key it has: to a path that has just been fenced it does nothing. At the end
PRGENERATION tells whether others came in between; then each path is probed, and if one has lost its key, all are
unregistered before anything is answered.

Several commands cannot be one, so a window is left. It opens with the fencer's GOOD and closes when the sequence has
unregistered the last path, before it is answered. In it a path may write that has
  * T, the temporary key of a take-over: PREEMPT of K does not reach it;
  * the new key, in a change of keys: PREEMPT of the old one does not reach it;
  * K once more: it had none when the fencer came, in a first registration or as it came back, or had T.
The window is at most four commands of ours a path long, and what they are repeated for unit attentions: milliseconds.
After a crash, or where all paths went away, it lasts until the repair. A path that was away during a change of keys has
the old key until it is settled; one that did not answer a REGISTER may get its key by it at any time until then.

What is left to the surroundings
--------------------------------

* One sequence at a time on a map, under a lock by `dm/uuid`. `Memory` is kept by map, and begins as `Memory(entry=...)`
  with the journal's entry; `Paths` is looked up afresh for each sequence.
* `Send`: each command on its path, at once or in turn, as the option says. The outcome is `scsi.outcome`'s; a path that
  cannot be opened or does not answer gives the one of its errno or host status. Not less than 7 s for each.
* `Note`: the entry, with the map's uuid, is on the disk before the next step, where it outlives the machine.
* `Tell`: `verb map NAME argument` to multipathd's socket; its reply without the newline.
* `look_after`: at the start, unasked, and whenever a path is usable that `Memory.settled` does not have, until it has;
  and when `is_as_left`, which is to be asked now and then, says no.
* `Paths.ports`: this host's initiator ports, from sysfs. Without them a key that another host has, too, is taken for
  ours: a path that comes back where a virtual machine has migrated away is registered with the key of its new host.
* `Done`: answer, remarks and paths for the guest and the log. A generator that is closed or dropped is a crash: run
  `look_after` with the journal's entry.

Limits
------

* A take-over preempts K, so another host that shares it loses its registration, even where the guest's command alone
  would not have done so (RESERVE, RELEASE, unregistering and changing keys while the holder is away).
* Where all registrants hold, and a path of ours is away that is still registered, unregistering the others leaves the
  reservation until it is back.
* PREEMPT of everybody (SARK = 0) that is to change the type, or to reach another host with our key, unregisters all our
  paths but one for a moment: nothing else does either.
* A first registration of which a path did not answer, and is not registered, is undone if another host came in between
  twice: that path may have been registered, and fenced.
* So is one with ALL_TG_PT if another host came in between at all: paths through one port of ours register each other.
* Ports that SPEC_I_PT lists stay registered where a registration is undone.
* Another host that names a port of ours (SPEC_I_PT, REGISTER AND MOVE) reaches the paths through it, not the others.
* multipathd takes any path with the key for a proof that the host was not fenced, one that is being settled, too. If it
  registers a path in the moment of the fencing, that path is unregistered as soon as the watcher looks. But if it
  was away for less than the period of the watcher, or the process has restarted, it vouches for the others.
* A path that was unregistered and held the reservation has lost it; only the registration comes back.
* Without `Paths.ports` a RESERVE that got no answer is not known to be ours, if it made the reservation: until its path
  is back, RELEASE and REGISTER AND MOVE leave it where it is.
* Another host's change of APTPL is undone if it falls into a sequence that registers; so is ours by a REGISTER that was
  given up before, and arrives late.
* A command that was given up, and arrives after the sequence, or the process, that sent it, does what it says: a
  REGISTER with ALL_TG_PT registers a path that shares its port, and a PREEMPT of K unregisters our other paths, until
  the watcher looks.
"""

from .checking import is_as_left
from .driving import carry_out
from .perform import execute, look_after

__all__ = ["carry_out", "execute", "is_as_left", "look_after"]
