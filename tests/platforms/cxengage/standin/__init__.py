"""A stand-in of the CxEngage tenant: REST, SQS queue, voice gateway, interactions with real sound.

Written from published facts alone; it shares no code and no constants with the driver. Where a
module says [I] the behaviour is inferred, where it says [?] nobody outside knows what the real
platform does, and what is here is a guess that a driver must not depend on.
"""
