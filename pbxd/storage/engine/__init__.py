"""One database: connections, transactions, schema, backups and the feed."""
