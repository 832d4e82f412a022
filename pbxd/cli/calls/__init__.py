"""`pbxd call` and `pbxd calls`."""
