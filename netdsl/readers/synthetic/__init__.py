"""Data that are made, not read: random data and the embedded samples."""
