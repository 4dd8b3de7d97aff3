"""A world without sockets: places with quotas, loads, and clients that contend for them in simulated time."""
