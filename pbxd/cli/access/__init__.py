"""`pbxd employees`, `pbxd tokens` and `pbxd privacy`."""
