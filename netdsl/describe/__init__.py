"""Text for people: the table of a network, tables of options, a file with its values written out."""
