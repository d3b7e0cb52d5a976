"""What is laid over a PDF page and is no part of its text: the values of form fields, comments, text boxes."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable
from typing import Any

from indexer.readers.assembly import one_line
from indexer.readers.pdf.text import Overlay

# Annotations of one page, and characters of one: no form or review comes near.
_MOST = 5_000
_LONGEST = 100_000
# "form1[0].page[2].FirstName[0]" is FirstName to those who filled it in.
_INDEX = re.compile(r"\[\d+\]")
# What a ticked box is called inside when nobody named it.
_UNNAMED = frozenset(("", "on", "1", "yes"))


def page_overlays(page: Any) -> tuple[Overlay, ...]:
    """The form fields that are filled in and the annotations with text on a pdfium page, in the file's order.

    Left out are passwords, what is hidden, and what repeats on the page.
    """
    from pypdfium2 import raw

    found: dict[tuple[str, str], Overlay] = {}
    for index in range(min(_MOST, max(0, raw.FPDFPage_GetAnnotCount(page)))):
        annotation = raw.FPDFPage_GetAnnot(page, index)
        if not annotation:
            continue
        try:
            overlay = _overlay(raw, page, annotation)
        finally:
            raw.FPDFPage_CloseAnnot(annotation)
        if overlay is not None:
            found.setdefault((overlay.name, overlay.text), overlay)
    return tuple(found.values())


def _overlay(raw: Any, page: Any, annotation: Any) -> Overlay | None:
    """What an annotation says, if a person can see it and it says anything."""
    kind = raw.FPDFAnnot_GetSubtype(annotation)
    unseen = raw.FPDF_ANNOT_FLAG_HIDDEN | raw.FPDF_ANNOT_FLAG_NOVIEW
    # A pop-up says again what its comment says.
    silent = (raw.FPDF_ANNOT_LINK, raw.FPDF_ANNOT_POPUP, raw.FPDF_ANNOT_PRINTERMARK, raw.FPDF_ANNOT_TRAPNET)
    if kind in silent or raw.FPDFAnnot_GetFlags(annotation) & unseen:
        return None
    if kind == raw.FPDF_ANNOT_WIDGET:
        name, text = _field(raw, page.formenv, annotation) if page.formenv else ("", "")
    else:
        text = _words(lambda *room: raw.FPDFAnnot_GetStringValue(annotation, b"Contents", *room))
        # The author of a text box goes without saying: it reads as a part of the page.
        authored = kind != raw.FPDF_ANNOT_FREETEXT
        name = _words(lambda *room: raw.FPDFAnnot_GetStringValue(annotation, b"T", *room)) if authored else ""
    if not text:
        return None
    edges = raw.FS_RECTF()
    raw.FPDFAnnot_GetRect(annotation, edges)
    return Overlay(name, text, edges.left, edges.bottom, edges.right, edges.top)


def _field(raw: Any, form: Any, annotation: Any) -> tuple[str, str]:
    """Name and value of the field that an annotation shows; no value when it is empty, secret or a button."""
    kind = raw.FPDFAnnot_GetFormFieldType(form, annotation)
    name = _words(lambda *room: raw.FPDFAnnot_GetFormFieldAlternateName(form, annotation, *room))
    if not name:
        full = _words(lambda *room: raw.FPDFAnnot_GetFormFieldName(form, annotation, *room))
        name = one_line(_INDEX.sub("", full).rpartition(".")[2].replace("_", " "))
    if kind in (raw.FPDF_FORMFIELD_CHECKBOX, raw.FPDF_FORMFIELD_RADIOBUTTON):
        if not raw.FPDFAnnot_IsChecked(form, annotation):
            return name, ""
        said = _words(lambda *room: raw.FPDFAnnot_GetFormFieldExportValue(form, annotation, *room))
        return name, "yes" if said.lower() in _UNNAMED else said
    spoken = (raw.FPDF_FORMFIELD_TEXTFIELD, raw.FPDF_FORMFIELD_COMBOBOX, raw.FPDF_FORMFIELD_LISTBOX)
    if kind not in spoken or (
        kind == raw.FPDF_FORMFIELD_TEXTFIELD
        and raw.FPDFAnnot_GetFormFieldFlags(form, annotation) & raw.FPDF_FORMFLAG_TEXT_PASSWORD
    ):
        return name, ""
    return name, _words(lambda *room: raw.FPDFAnnot_GetFormFieldValue(form, annotation, *room))


def _words(ask: Callable[[Any, int], int]) -> str:
    """A text that pdfium writes as UTF-16 into the room it is given, in one line; `ask` tells how many bytes it takes."""
    size = min(ask(None, 0), 2 * _LONGEST)
    if size <= 2:
        return ""
    room = (ctypes.c_ushort * (size // 2 + 1))()
    ask(room, ctypes.sizeof(room))
    return one_line(bytes(room)[: size - 2].decode("utf-16-le", "replace"))
