"""Charts of curves and plans."""
