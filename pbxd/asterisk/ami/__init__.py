"""The Asterisk Manager Interface: link, packets, the guard against injected events."""
