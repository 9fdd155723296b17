"""Understanding of texts: language, copies, embeddings, matching to proposals, stance, topics. Works offline, on CPU."""
