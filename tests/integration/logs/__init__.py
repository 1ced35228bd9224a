"""The logs at a real syslog server, rsyslog."""
