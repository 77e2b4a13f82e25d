"""Requests to addresses that clients name: webhooks, and pictures by URL. Only through the guard of this room."""
