//! The history file: what traffic was seen over time, one JSON object a line.
