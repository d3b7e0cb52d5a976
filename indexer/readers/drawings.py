"""Text inside drawings of docx, pptx and xlsx: paragraphs of shapes, figures of charts, words of diagrams (DrawingML)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from indexer.readers.assembly import Assembly
from indexer.readers.package import Package, Relationship, attribute, child, local

# A chart over a year of days still is one; more points are a sheet's matter.
_MOST_POINTS = 1_000


def shape_paragraphs(body: Any) -> list[str]:
    """The paragraphs of a shape's text, line breaks kept."""
    found = []
    for paragraph in body:
        if local(paragraph) != "p":
            continue
        text = ""
        for run in paragraph:
            kind = local(run)
            if kind == "br":
                text += "\n"
            elif kind in ("r", "fld"):
                content = child(run, "t")
                text += (content.text or "") if content is not None else ""
        if text.strip():
            found.append(text)
    return found


def add_graphic(
    assembly: Assembly, package: Package, graphic: Any, links: dict[str, Relationship], slide: int | None = None
) -> None:  # fmt: skip
    """Append the text of a chart or diagram that `graphic` (a graphicData element) points at through `links`."""
    for element in graphic.iter():
        kind = local(element)
        if kind not in ("chart", "relIds"):
            continue
        # A chart has r:id; a diagram names its data part r:dm.
        link = links.get(attribute(element, "id" if kind == "chart" else "dm"))
        root = package.xml(link.target) if link is not None and link.target else None
        if root is None:
            continue
        if kind == "chart":
            _add_chart(assembly, root, slide)
        else:
            for body in root.iter("{*}t"):
                for text in shape_paragraphs(body):
                    assembly.add(text, "list", slide=slide)


def _add_chart(assembly: Assembly, root: Any, slide: int | None) -> None:
    """The title of a chart, and a row for each category with the value of every series."""
    title = child(root, "chart", "title")
    text = " ".join(_words(title)) if title is not None else ""
    assembly.add(text, slide=slide)
    names: list[str] = []
    categories: dict[int, str] = {}
    values: list[dict[int, str]] = []
    for series in root.iter("{*}ser"):
        names.append(" ".join(_points(child(series, "tx")).values()))
        categories |= _points(child(series, "cat") if child(series, "cat") is not None else child(series, "xVal"))
        values.append(_points(child(series, "val") if child(series, "val") is not None else child(series, "yVal")))
    assembly.long_names(names, slide=slide)
    for place in sorted({*categories, *(index for points in values for index in points)})[:_MOST_POINTS]:
        cells = [categories.get(place, ""), *(points.get(place, "") for points in values)]
        assembly.row(["", *names], cells, slide=slide)


def _words(element: Any) -> Iterator[str]:
    for found in element.iter("{*}t"):
        if found.text and found.text.strip():
            yield found.text.strip()


def _points(element: Any) -> dict[int, str]:
    """Index → text of the points that were saved with a chart, its numbers freed of rounding noise."""
    points: dict[int, str] = {}
    for point in element.iter("{*}pt") if element is not None else ():
        value, index = child(point, "v"), attribute(point, "idx")
        if value is not None and value.text and index.isdigit():
            points.setdefault(int(index), _plain(value.text))
    return points


def _plain(text: str) -> str:
    try:
        return format(float(text), ".12g")
    except ValueError:
        return text
