"""Models compiled for the processor that runs them: from their weights to vectors."""
