"""Who is this number: matching rules and the in-memory index kept fresh from the feed."""
