"""Where boxes stand and lines run."""
