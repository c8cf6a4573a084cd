"""What a daemon needs of its host: systemd, privileges, pidfile, background, signals, the peer of a connection."""
