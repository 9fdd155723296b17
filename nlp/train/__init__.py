"""Training of the stance reader: transfer from English claims, then our French corpus (`python -m nlp.train`)."""
