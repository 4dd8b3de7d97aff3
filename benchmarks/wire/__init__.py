"""Real bytes on loopback: a server process with a quota for each location, and the way to it."""
