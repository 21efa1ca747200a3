"""The parts of a program compared once shapes are known: data, classes, criteria, budgets; changes nothing. Imports
`passes` and what is below it.
"""
