"""The rig: benches that play into a device under test, record it, and say what it does."""
