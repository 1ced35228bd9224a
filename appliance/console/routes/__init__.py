"""One module of routes for each feature."""
