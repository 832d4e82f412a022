"""What the JSON API and the pages share: listeners, limits, who asks, problems."""
