"""darknet's `.cfg` files -> the AST of a `.net` file, and its `.weights`.

`cfg_file.py` reads the text, `section_type.py` says what a row of the table of sections is, `section_table.py` holds
the rows, `cfg_network.py` joins them to a network, and `cfg_plan.py` makes `[net]` a plan and a reader.
"""
