"""The graph and the program: what elaboration makes and passes rewrite. Imports `base`, `layers`, `optimizers`,
`readers`.
"""
