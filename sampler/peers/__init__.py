"""Other people's methods, each faithful to its paper, behind the seam of our own: generators of evaluations."""
