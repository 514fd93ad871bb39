"""Who may call us: resource managers over websockets, operators over HTTP."""
