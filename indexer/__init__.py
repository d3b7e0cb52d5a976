"""Documents in, a searchable library out: readers, chunking, embedding, the library and its indexes."""
