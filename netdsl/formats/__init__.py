"""Drawings of networks and charts of runs, and the table of output formats (`table.py`)."""
