"""The daemon and its installation: `pbxd run`, `doctor`, `db`, `queues`, `lookup`."""
