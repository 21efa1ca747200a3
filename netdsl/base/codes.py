"""The codes of diagnostics: every one with a line of text, from which docs/errors.md is made."""

from __future__ import annotations

from enum import StrEnum


class Code(StrEnum):
    """What kind of mistake a diagnostic is about; shown as `error[shape-mismatch]`."""

    meaning: str  #: one sentence or two, for docs/errors.md

    def __new__(cls, text: str, meaning: str) -> Code:
        code = str.__new__(cls, text)
        code._value_ = text
        code.meaning = meaning
        return code

    ARITHMETIC = "arithmetic", "A number that cannot be computed."
    BAD_SCHEDULE = "bad-schedule", "A schedule that cannot be followed."
    BUDGET = "budget", "The network is larger than the file allows."
    CANNOT_WRITE = "cannot-write", "A folder or a disk does not take what has to be written."
    CHECKPOINT_MISMATCH = "checkpoint-mismatch", "A checkpoint is of another network or plan, or cannot be read."
    CONFLICTING_KEYS = "conflicting-keys", "Two keys that say different things of one quantity."
    CYCLE = "cycle", "A value is needed to compute itself."
    DIVERGED = "diverged", "The criterion is not a number any more."
    DOUBTFUL = "doubtful", "Something that is allowed and most likely not meant; a warning."
    DUPLICATE_NAME = "duplicate-name", "One name for two things."
    FAILED = "failed", "`Fail (...)` was reached."
    FILTER_TOO_LARGE = "filter-too-large", "A filter or window is larger than what it moves over."
    INCLUDE_CYCLE = "include-cycle", "Files include each other in a circle."
    INCLUDE_NOT_FOUND = "include-not-found", "A file to include is not there."
    INDEX = "index", "An element that a list does not have."
    MISSING_OPTION = "missing-option", "An option without a default is not given."
    NO_CRITERION = "no-criterion", "A network is to be trained and has nothing to be made small."
    NO_DEVICE = "no-device", "The device is not there."
    NO_FILE = "no-file", "A file that is named on the command line or in the text cannot be read."
    NO_NETWORK = "no-network", "A file without `network`."
    NO_TRAINING = "no-training", "The file does not say how or on what to train."
    NOT_A_LAYER = "not-a-layer", "Something stands where a layer or function is needed."
    NOT_DETERMINISTIC = (
        "not-deterministic",
        "`deterministic = true` was asked for, and an operation has no such form.",
    )
    OPTION_TYPE = "option-type", "An option has a value that it cannot take."
    OUT_OF_MEMORY = "out-of-memory", "The minibatch does not fit into memory."
    OVERRIDE = "override", "A value set on the command line has a path that leads nowhere, or is not a value."
    READER_FILE = "reader-file", "Data are missing or cannot be read."
    READER_SHAPE = "reader-shape", "The reader and the network disagree."
    SCHEDULE_UNREACHABLE = "schedule-unreachable", "A warning: a value of a schedule that training never reaches."
    SHAPE_MISMATCH = "shape-mismatch", "Shapes do not fit together."
    SYNTAX = "syntax", "A text that does not follow the form of the language."
    UNKNOWN_KEY = "unknown-key", "A key that a block does not have, or a special list that is misspelt."
    UNKNOWN_NAME = "unknown-name", "A name that nothing defines."
    UNKNOWN_OPTION = "unknown-option", "An option that a layer, reader or optimizer does not have, or has twice."
    UNUSED_NAME = "unused-name", "A warning: a name that nothing uses."
    WRONG_ARGUMENTS = "wrong-arguments", "A function of the file is called with arguments that it does not have."
    WRONG_INPUTS = "wrong-inputs", "A layer is applied to too many or too few inputs."
    WRONG_TYPE = "wrong-type", "An operator or a place is given a value of a kind that it cannot take."
