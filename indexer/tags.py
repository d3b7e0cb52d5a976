"""Tags: what people call documents beside their names. A document may state some, a person may give others."""

from __future__ import annotations

from indexer.errors import UsageError

# Of a document: tags, and characters of one.
MOST_TAGS, LONGEST_TAG = 100, 100


def tags_of(value: str) -> list[str]:
    """The tags in a list with commas, without signs and quotes around them: `#leave, "paid leave"` are two."""
    found = (" ".join(tag.split()).strip("\"' ").lstrip("#").strip() for tag in value.split(","))
    return [tag for tag in found if tag and tag.isprintable() and len(tag) <= LONGEST_TAG]


def given_tags(values: tuple[str, ...]) -> list[str]:
    """The tags that a person gives, each as it is stored. Raises UsageError for what is none."""
    made = [tags_of(value) for value in values]
    for value, tags in zip(values, made, strict=True):
        if not tags:
            raise UsageError(f"{value!r} is no tag.", f"A tag is a word or a few, up to {LONGEST_TAG} characters.")
    return list(dict.fromkeys(tag for tags in made for tag in tags))[:MOST_TAGS]
