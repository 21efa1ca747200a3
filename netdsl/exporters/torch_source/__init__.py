"""A network as PyTorch source: what layers are in torch, which groups become classes, and the text."""
