"""Files of arrays without a network: NumPy's, PyTorch's and neon's. Imports base and the importers."""
