"""The settings of the sign-in by OpenID Connect: what they are, and how they are kept."""
