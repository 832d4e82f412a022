"""Following a PBX's events into the history of calls: following, recording, replay, back-fill."""
