"""Simulated hardware as its datasheets describe it. Imports nothing of the firmware, opens no file."""
