"""The dashboard: Streamlit pages in French over what `measures` reads; no formula lives here."""
