"""Decidim, the platform of many French cities (open-data zip)."""
