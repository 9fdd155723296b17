"""The errors that a person can do something about; the command line prints each as one line."""


class PolyphonieError(Exception):
    """Base of every expected error. Its message says what happened and what to do; `exit_code` goes to the shell."""

    exit_code = 1


class ConfigurationError(PolyphonieError):
    """A setting, a catalogue or a mapping is wrong; names the file and the key."""

    exit_code = 2


class InputError(PolyphonieError):
    """A file that was given cannot be read at all (absent, not the format it claims to be)."""

    exit_code = 3


class PayloadError(PolyphonieError):
    """One native payload cannot be understood; it goes to quarantine with this message, the others go on."""

    exit_code = 3


class EngineUnreachable(PolyphonieError):
    """The index engine does not answer; names the address."""

    exit_code = 4


class QueryError(PolyphonieError):
    """A search query cannot be parsed; says where and what was expected."""

    exit_code = 2


class SpoolFull(PolyphonieError):
    """The spool holds as many waiting items as it may; enrich some, then start again where it stopped."""

    exit_code = 5


class EpochClosed(PolyphonieError):
    """Something needs the key of an epoch that is over and destroyed; what it says cannot be counted any more."""

    exit_code = 2


class ModelUnavailable(PolyphonieError):
    """No copy of a model was found; names each place that was looked at."""

    exit_code = 6
