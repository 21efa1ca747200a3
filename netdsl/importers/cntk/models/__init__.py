"""CNTK's own model files, of the v1 stream and the v2 dictionary. Imports base, spec, syntax and the tables."""
