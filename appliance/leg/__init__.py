"""The media plane: peer connection, gate, uplink, downlink, earcons, and the leg daemon."""
