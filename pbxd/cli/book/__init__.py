"""The book: `pbxd contacts`, `pbxd companies` and `pbxd employees`."""
