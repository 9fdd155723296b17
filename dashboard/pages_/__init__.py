"""One file a page; each runs `frame.show` with its body when Streamlit opens it."""
