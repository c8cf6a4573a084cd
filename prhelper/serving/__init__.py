"""Clients: accepting them, their sessions, their limits, and the record of what they did."""
