"""A privileged daemon that performs SCSI persistent reservations for virtual machines."""

__version__ = "0.1.0"
