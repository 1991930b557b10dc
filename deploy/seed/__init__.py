"""Made-up contacts with a history, in any number: what `pathbound seed` fills a tenant with."""
