"""The command line: prints what the rooms below return, and has no rules of its own."""
