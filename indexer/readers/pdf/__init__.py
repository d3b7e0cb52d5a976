"""PDF: from the signs on its pages to headings, paragraphs, rows and columns in their order."""
