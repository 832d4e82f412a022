"""`pbxd tokens` and `pbxd privacy`."""
