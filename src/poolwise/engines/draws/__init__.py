"""What the engines of draws share: from draws to the trees that ArviZ reads."""
