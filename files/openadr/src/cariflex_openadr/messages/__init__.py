"""Wire formats: the guard before the XML parser, what both sides read, and what they write."""
