"""Reads that span models; they change nothing."""
