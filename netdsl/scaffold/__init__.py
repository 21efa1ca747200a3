"""A new file to begin from: commented, complete, and fitted to a folder of images where one is given."""

from .draft import LIKE, FileDraft, choose_draft, draft_from_file
from .image_folder import ImageFolderFacts, inspect_images
from .new_file import file_text

__all__ = ["LIKE", "FileDraft", "ImageFolderFacts", "choose_draft", "draft_from_file", "file_text", "inspect_images"]
