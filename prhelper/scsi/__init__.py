"""The SCSI vocabulary: persistent reservation commands, sense data, and the SG_IO ioctl. Knows nothing of sockets."""
