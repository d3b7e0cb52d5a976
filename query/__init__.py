"""Questions in, cited answers out: retrieval, packing, prompts, models."""
