"""The inventory's variables: which names the project knows, and which ones do nothing."""
