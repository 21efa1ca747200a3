"""BrainScript, the language of CNTK's networks -> the `network` record of a `.net` file. Imports base, syntax, layers.

Text -> words (`bs_tokens`) -> AST (`bs_parser`: its precedences, in our nodes) -> the same AST with the library's
functions by our names (`bs_translate`; `bs_library` is the table) -> the record with its lists of special nodes
(`bs_roots`). `bs_network` is the door.
"""
