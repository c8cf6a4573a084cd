"""The machine's side of a daemon: systemd, privileges, the pidfile, the background, who connects."""
