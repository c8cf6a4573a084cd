"""The emulated logical unit: persistent reservations where there is no SCSI device that has them.

state.py    what the unit remembers: registrations, the reservation, pending unit attentions
initiators.py  which initiator a client is
storage.py  what survives a restart, on disk
"""
