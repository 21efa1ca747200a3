"""From a network to the boxes and arrows of a diagram."""
