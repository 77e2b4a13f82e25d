"""The HTTP process: checks what arrives, accepts jobs, answers questions about them. Imports no torch."""
