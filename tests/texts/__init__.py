"""Keeps the catalogues of texts under ``web/locale`` complete."""
