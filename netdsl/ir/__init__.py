"""The graph and the program: what elaboration makes and passes rewrite. Imports the tables below it."""
