"""The emulated logical unit: persistent reservations where there is no SCSI device that has them.

state.py    what the unit remembers: registrations, the reservation, pending unit attentions
"""
