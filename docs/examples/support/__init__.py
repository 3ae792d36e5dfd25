"""A support agent of a small shop: tools, a simulated customer, and a head from its logs."""
