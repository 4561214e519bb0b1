//! Serves the flows of all nodes as one stream.
