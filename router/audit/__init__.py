"""Every decision and every attempt on record, in a file that shows when it was tampered with; see docs/audit.md."""
