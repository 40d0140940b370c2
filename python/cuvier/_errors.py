"""What the library found, as exceptions and warnings."""
import warnings

from ._library import lib, text_of

STATUSES = ("ok", "no", "argument", "io", "damaged", "unsafe", "unsupported", "memory", "timeout", "space")
NOTE, WARNING, ERROR = range(3)
FIELDS = ("message", "file", "layer", "tensor", "expected", "found", "notes", "help")


class CuvierError(Exception):
    """Why a call did not end well. `status` says what can be done: "no" (the evidence contradicts itself or is not enough), "io", "damaged",
    "unsafe", "unsupported", "memory", "timeout", "space", "argument". `code` is stable ("bind.shape"); docs/errors.md explains each. `message`,
    `file`, `layer`, `tensor`, `expected`, `found`, `notes` and `help` are the finding's, None where they do not apply. The exception's text
    is what the command line prints."""

    def __init__(self, status, text, finding=None):
        super().__init__(text)
        self.status = STATUSES[status]
        self.code = _text(finding.id) if finding else None
        for field in FIELDS:
            setattr(self, field, _text(getattr(finding, field)) if finding else None)


class CuvierWarning(UserWarning):
    """Something that a user should know of, and that did not stop the call."""


def _text(value):
    return value.decode("utf-8", "replace") if value is not None else None


def take_findings(context, status):
    """Raises or warns, as the findings of the last call say, and forgets them."""
    findings = [lib.finding_at(context, i).contents for i in range(lib.finding_count(context))]
    told = [_text(f.message) for f in findings if f.severity == WARNING]
    error = None
    if status:
        _, report = text_of(context, lib.findings_report, context, False, False)
        first = next((f for f in findings if f.severity == ERROR), None)
        error = CuvierError(status, (report or "").strip() or STATUSES[status], first)
    lib.findings_clear(context)
    if error:
        raise error
    for text in told:
        warnings.warn(text, CuvierWarning, stacklevel=4)
