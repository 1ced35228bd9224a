"""All of a box's settings as one document: ``bargebox.toml`` on its boot partition or a USB stick,
and what the page exports and imports.
"""
