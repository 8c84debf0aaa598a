"""Everything that changes weights: the loop, the prompts, the teacher's answers."""
