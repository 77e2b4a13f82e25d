"""Parts of the engine's benchmark: what is run, on what, and how fast."""
