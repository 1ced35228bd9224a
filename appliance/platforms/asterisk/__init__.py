"""Asterisk 20 and newer: calls over ARI, the leg over SIP on a WebSocket."""
