"""The formatter: AST -> text in the canonical style."""
