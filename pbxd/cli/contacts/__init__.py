"""`pbxd contacts` and `pbxd companies`."""
