"""`webshop-v0`: find and buy what an instruction asks for, by searching and clicking."""
