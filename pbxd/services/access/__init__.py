"""Who may come in: users and their sessions, passwords, tokens, and the log of what everybody did."""
