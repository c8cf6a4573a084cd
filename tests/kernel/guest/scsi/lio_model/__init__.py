"""LIO's unit foretold: the emulated unit's rules, and by name where LIO (Linux 6.1 to 7.2) departs from SPC-4.

    departures.py   the differences: name, clause, and what LIO does
    unit.py         what LIO will answer: what the emulated unit answers, unless a departure applies
    reading.py      the departures of PERSISTENT RESERVE IN
    preempting.py   those of PREEMPT and PREEMPT AND ABORT
    memory.py       what LIO keeps beyond the standard's state, which some departures come from

A departure says what LIO answers instead, and in which state that leaves it. So it is as exact as the rule that it
breaks. Source: drivers/target/target_core_pr.c and target_core_ua.c.
"""
