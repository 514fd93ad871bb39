"""Physics and behaviour of the simulated devices: no I/O, no clock but the one that is passed in."""
