"""Text <-> AST: the parser, the messages of syntax errors, the formatter. Imports `base`."""
