"""Formats that a scene is written in."""
