"""What a call is: the events of any PBX, the tracker that follows them, and the record it makes. Pure."""
