"""Who may use pbxd: tokens."""
