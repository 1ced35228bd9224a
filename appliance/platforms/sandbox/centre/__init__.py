"""The sandbox contact centre: a tenant with speaking agents and customers, and a real mixer.

It is a process of its own (``python -m appliance.platforms.sandbox.centre``) and shares nothing
with the box but the WebSocket of ``sandbox.wire`` and the media of each leg.
"""
