"""The simulated past, loaded in bulk on a new stack."""
