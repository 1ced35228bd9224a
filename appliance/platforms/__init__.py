"""Call platforms: one driver per platform behind the one protocol in `protocol`."""
