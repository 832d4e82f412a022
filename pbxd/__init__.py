"""pbxd: a daemon beside Asterisk that makes the company's PBX know its clients."""

__version__ = "0.1.0"
