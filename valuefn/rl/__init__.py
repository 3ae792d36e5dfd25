"""Fine-tuning: recipes as rows of data on one engine."""
