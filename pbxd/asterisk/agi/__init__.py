"""FastAGI: the protocol, the server that answers look-ups, and its probe."""
