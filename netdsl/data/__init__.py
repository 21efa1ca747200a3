"""Which data a run takes, fetching them, and looking at them."""
