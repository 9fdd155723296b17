"""Understanding of texts: language, copies, embeddings, matching to proposals, stance, topics; offline, on CPU."""
