"""Everything that learns: encoders, data, the value head, calibration."""
