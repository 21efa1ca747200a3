"""A run on disk: its folder, records, checkpoints. Imports `base` and the shapes of `layers`."""
