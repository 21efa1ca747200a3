"""Tables of text: how cells are written, what columns are, what the training data decide of them."""
