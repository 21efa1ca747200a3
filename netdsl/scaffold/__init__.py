"""A new file to begin from: commented, complete, and fitted to a folder of images where one is given. Imports the
formatter of `syntax`, and `readers`, which look at the images.
"""

from .draft import LIKE, MINUTES, FileDraft, choose_draft, draft_from_file
from .image_folder import ImageFolderFacts, inspect_images

__all__ = ["LIKE", "MINUTES", "FileDraft", "ImageFolderFacts", "choose_draft", "draft_from_file", "inspect_images"]
