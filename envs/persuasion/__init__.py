"""One person asks another for a donation: real talks, a ranking task, and a simulated donor."""
