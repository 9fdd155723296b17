"""What comes in: one package a source turns native payloads into native records; `files` reads exports."""
