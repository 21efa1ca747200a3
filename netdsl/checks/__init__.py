"""What is compared once shapes are known: data, classes, criteria, budgets, warnings. Changes nothing."""
