"""A small SIP user agent over WebSocket (RFC 3261, RFC 7118); it carries SDP, and no media."""
