"""Contacts and events in files: what `pathbound import` reads and `pathbound export` writes."""
