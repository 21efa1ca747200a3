"""Text for people: the table of a network, tables of options, a file written out. Imports the compiler and `data`,
and what is below them.
"""
