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
    CANNOT_EXPORT = "cannot-export", "Something in the network has no form in the format that it is exported to."
    CANNOT_WRITE = "cannot-write", "A file cannot be written: no space, or no permission."
    CHECKPOINT_MISMATCH = "checkpoint-mismatch", "A checkpoint belongs to another network or plan, or cannot be read."
    CONFLICTING_KEYS = "conflicting-keys", "Two keys that set one quantity to different values."
    CYCLE = "cycle", "A value is needed to compute itself."
    DIVERGED = "diverged", "The criterion is no longer a number."
    DOUBTFUL = "doubtful", "Something that is allowed but probably not intended; a warning."
    DUPLICATE_NAME = "duplicate-name", "One name for two things."
    EVALUATION_LIMIT = (
        "evaluation-limit",
        "Evaluating the file takes more steps, elements or calls than a network needs: most likely it never ends.",
    )
    FAILED = "failed", "`Fail (...)` was reached."
    FILTER_TOO_LARGE = "filter-too-large", "A filter or window is larger than what it moves over."
    INCLUDE_CYCLE = "include-cycle", "Files include each other in a circle."
    INCLUDE_NOT_FOUND = "include-not-found", "An included file does not exist."
    INDEX = "index", "An index outside the list."
    MISSING_OPTION = "missing-option", "A required option is missing."
    NO_CRITERION = "no-criterion", "A network without a criterion cannot be trained."
    NO_EFFECT = "no-effect", "A note: something that an imported file says and that has no meaning here."
    NO_DEVICE = "no-device", "The device is not available."
    NO_FILE = "no-file", "A file that is named on the command line or in the text cannot be read."
    NO_NETWORK = "no-network", "A file without `network`."
    NO_TRAINING = "no-training", "The file does not say how or on what to train."
    NOT_INSTALLED = "not-installed", "A package that is only needed for this is not installed."
    NOT_SUPPORTED = "not-supported", "An imported file uses something that netdsl does not have."
    NOT_A_LAYER = "not-a-layer", "Something else is used where a layer or function is needed."
    NOT_DETERMINISTIC = (
        "not-deterministic",
        "`deterministic = true` is set, and an operation has no deterministic form.",
    )
    OPTION_TYPE = "option-type", "An option has a value that is not allowed."
    OUT_OF_MEMORY = "out-of-memory", "The minibatch does not fit into memory."
    OVERRIDE = "override", "An override names something that does not exist, or has no valid value."
    READER_FILE = "reader-file", "Data are missing or cannot be read."
    READER_SHAPE = "reader-shape", "The reader and the network disagree."
    SCHEDULE_UNREACHABLE = "schedule-unreachable", "A warning: a value of a schedule that training never reaches."
    SHAPE_MISMATCH = "shape-mismatch", "Shapes do not fit together."
    SYNTAX = "syntax", "Text that does not follow the syntax of the language."
    UNKNOWN_KEY = "unknown-key", "A key that a block does not have, or a special list that is misspelt."
    UNKNOWN_NAME = "unknown-name", "A name that nothing defines."
    UNKNOWN_OPTION = "unknown-option", "An option that a layer, reader or optimizer does not have, or has twice."
    UNUSED_NAME = "unused-name", "A warning: a name that nothing uses."
    WRONG_ARGUMENTS = "wrong-arguments", "A function of the file is called with arguments that it does not accept."
    WRONG_INPUTS = "wrong-inputs", "A layer is applied to too many or too few inputs."
    WRONG_TYPE = "wrong-type", "An operator or an option gets a value of the wrong kind."
