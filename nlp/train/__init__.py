"""Training of the stance reader: transfer from English claims, then French (`polyphonie train stance`)."""
