"""CNTK's configurations, network texts and model files. Imports base, spec, syntax and the tables."""
