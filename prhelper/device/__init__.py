"""Who executes a command: a SCSI device, through SG_IO, or the emulated logical unit."""
