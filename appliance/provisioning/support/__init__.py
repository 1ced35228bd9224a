"""The support bundle: what somebody who helps needs to see, and no secret, no call, no customer."""
