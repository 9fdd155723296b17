"""The simulator: small worlds whose truth is known, which speak like the real platforms."""
