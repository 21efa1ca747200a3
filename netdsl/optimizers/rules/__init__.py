"""Update rules: the rows behind `optimizer = ...`."""
