"""Quality and speed, measured on held-out scenes; every figure carries its commit, hardware and seed."""
