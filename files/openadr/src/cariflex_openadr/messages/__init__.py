"""Wire formats: the guard before the XML parser, signal vocabulary, events to and from openleadr."""
