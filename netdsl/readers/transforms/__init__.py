"""Transforms of images, in the order a reader applies them."""
