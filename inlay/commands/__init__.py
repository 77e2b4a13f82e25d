"""The commands of `inlay`, one module per kind."""
