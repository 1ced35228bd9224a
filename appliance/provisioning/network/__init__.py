"""The box's wired network, which NetworkManager runs."""
