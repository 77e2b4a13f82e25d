"""What a sample must meet: one file per operator, all behind the protocol in `base`."""
