"""A model file of CNTK, of either format, from the disk."""

from __future__ import annotations

import re
from pathlib import Path

from ...byte_reader import BadBytes, bytes_of, read_failure
from .dictionary_format import read_dictionary
from .dictionary_values import SPLIT
from .model_file import ModelFile
from .stream_format import START, read_stream

#: What such a file is called in messages.
TITLE = "a model file of CNTK"

#: How a dictionary of a function begins: its version, then the length of an entry and the key of one.
_DICTIONARY = re.compile(rb"\x08[\x01\x02]\x12.{1,6}\x0a.(?:version|type|uid|root|name|inputs|primitive_functions)",
                         re.DOTALL)


def read_model(path: Path) -> ModelFile:
    """A model file of either format. Raises Failure."""
    data = bytes_of(path, TITLE)
    try:
        return read_stream(data) if data.startswith(START) else read_dictionary(data)
    except BadBytes as error:
        raise read_failure(path, TITLE, str(error)) from None


def looks_like_model(start: bytes) -> bool:
    """Whether a file that begins like this is one."""
    return start.startswith((START, SPLIT)) or _DICTIONARY.match(start) is not None
