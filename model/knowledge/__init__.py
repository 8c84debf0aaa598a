"""The knowledge graph: triplets, their pictures, and where both are kept."""
