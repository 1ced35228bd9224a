"""The box's log and the proof of its audit log, sent to a syslog server as they come."""
