"""Webhooks: checked when a job is submitted, signed and delivered when it has ended."""
