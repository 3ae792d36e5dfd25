"""Small models from scratch, and tasks as pure data, to prove recipes of fine-tuning on."""
