"""The spine: records, settings, pseudonyms, scrubbing, the spool and the command line."""

__version__ = "0.1.0"
