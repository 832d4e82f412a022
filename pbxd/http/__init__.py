"""The JSON API, on TCP for programs and on the unix socket for the command line."""
