"""Everything that talks to Asterisk: AMI, FastAGI, and the translation into PBX-neutral events."""
