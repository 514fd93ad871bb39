"""Where inventory, phpIPAM, the engine and the host disagree about networks and addresses."""
