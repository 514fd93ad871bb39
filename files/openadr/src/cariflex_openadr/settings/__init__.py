"""The only reader of configuration: the JSON file CARIFLEX_CONFIG names, secrets from files it points to.

One module a service (``vtn``, ``ven``); what both share is in ``reading`` and public here.
"""

from cariflex_openadr.settings.reading import Listen, listen_address, read_config

__all__ = ["Listen", "listen_address", "read_config"]
