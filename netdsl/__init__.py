"""netdsl: a language for neural networks, its compiler and trainer."""
