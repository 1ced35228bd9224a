"""Sign-in by OpenID Connect, beside the box's own accounts: code flow with PKCE.

OpenID Connect Core 1.0 and Discovery 1.0, RFC 6749, RFC 7636, RFC 9207.
"""
