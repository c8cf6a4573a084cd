"""Who executes a command: today a SCSI device, through SG_IO."""
