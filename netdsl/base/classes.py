"""Class numbers, as readers deliver them and layers take them."""

#: The number that stands for "no class": pixels that a mask marks with 255, and what rotation, padding and crops
#: bring in from outside. Criteria and metrics leave such positions out. torch's losses use the same number.
NO_CLASS = -100
