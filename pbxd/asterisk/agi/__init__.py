"""FastAGI: the protocol, its commands, the server that answers look-ups, and the watchdog's own look-up."""
