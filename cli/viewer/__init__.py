"""The viewer: traces, comparisons and heads as one HTML file that needs nothing beside it."""
