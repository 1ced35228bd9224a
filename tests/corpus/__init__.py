"""A corpus of captures: real RTP of real senders, as the leg's peer received it. See README.md."""
