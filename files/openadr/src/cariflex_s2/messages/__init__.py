"""S2 messages on the wire (protocol 0.0.2-beta): read, checked, and written with s2-python."""
