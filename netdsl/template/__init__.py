"""A new file to begin from: commented, complete, and fitted to a folder of images where one is given."""

from .draft import LIKE, Draft, draft, draft_for
from .images import Found, look_at
from .text import text_of

__all__ = ["LIKE", "Draft", "Found", "draft", "draft_for", "look_at", "text_of"]
