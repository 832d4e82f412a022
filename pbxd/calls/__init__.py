"""What a call is: PBX-neutral events, the tracker that follows them, and the record it makes. Pure."""
