"""Files of history: parsed, put into UTC, checked, judged."""
