"""Persistent reservations on multipath maps. `rules/` says what to send to which path; the rest of this does it."""
