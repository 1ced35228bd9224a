"""The local page and the JSON API: everything that people and scripts reach over HTTP."""
