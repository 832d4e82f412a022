"""Events: the feed as programs hear it, live over streams and in webhooks."""
