"""Any reader of LlamaIndex as a source of documents."""
