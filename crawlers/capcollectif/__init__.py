"""Cap Collectif, the platform of many French public consultations (CSV export)."""
